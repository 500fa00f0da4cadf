import {
  labelValue,
  metricNameLabel,
  type AlertEvent,
  type Clock,
  type Labels,
  type SeriesWrite,
} from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { evaluateTick, type RuleSettings } from "./evaluate-rule.ts";
import type { RuleTelemetry } from "./rule-telemetry.ts";
import type { RuntimeGroup, RuntimeRule } from "./runtime.ts";
import { createSlotSchedule } from "./slot.ts";
import type { Stretch } from "./stretch.ts";

export interface GroupLoopSettings extends RuleSettings {
  readonly clock: Clock;
  /** Monotonic milliseconds, to measure durations by. */
  readonly measureMs: () => number;
  /** Up to when the series are complete, Unix ms. */
  readonly watermarkMs: () => number;
  /** Resolves when the samples are durable and readable. */
  readonly appendSeries: (writes: readonly SeriesWrite[], receivedAtMs: number) => Promise<void>;
  /** Makes the state durable if it changed, then hands the events on. Never rejects. */
  readonly deliver: (events: readonly AlertEvent[], isChanged: boolean) => void;
  /** Told after each evaluation of a rule. */
  readonly onEvaluated: (rule: RuntimeRule) => void;
  /** Shared by all groups. */
  readonly stretch: Stretch;
  readonly metrics: RuleTelemetry;
  readonly log: Log;
}

/** One group on its schedule. */
export interface GroupLoop {
  start(): void;
  stop(): void;
  /** Looks whether a slot can be evaluated now; to be called when the watermark moved. */
  wake(): void;
  /** Resolves when no evaluation is running. */
  idle(): Promise<void>;
}

// The watermark itself advances in steps of up to a second; with an interval shorter than that every slot would be missed.
const patienceMsMin = 2_000;

/**
 * Evaluates a group at its slots, rule after rule. A slot waits for the watermark for one interval, then it is missed:
 * no state moves, so that a lag neither resolves an alert nor makes an `absent()` fire.
 * @see Prometheus 3.14, rules/group.go
 */
export function createGroupLoop(group: RuntimeGroup, settings: GroupLoopSettings): GroupLoop {
  const { clock, metrics, measureMs } = settings;
  const schedule = createSlotSchedule({ ...group.group, intervalMs: group.intervalMs });
  const patienceMs = Math.max(group.intervalMs, patienceMsMin);
  let isRunning = false;
  let doneSlotMs = 0;
  let cancelTimer = () => {};
  let evaluation: Promise<void> | undefined;

  const slotsBetween = (fromMs: number, toMs: number) => Math.round((toMs - fromMs) / group.intervalMs);

  function wake(): void {
    if (!isRunning || evaluation !== undefined) return;
    cancelTimer();
    const nowMs = clock.nowMs();
    // A clock that was set back must not silence the group until it has caught up.
    if (doneSlotMs > nowMs + group.intervalMs) doneSlotMs = schedule.latestMs(nowMs);
    const readyMs = schedule.latestMs(Math.min(nowMs, settings.watermarkMs() + group.queryOffsetMs));
    if (readyMs > doneSlotMs && nowMs - readyMs <= patienceMs) {
      const missed = slotsBetween(doneSlotMs, readyMs) - 1;
      if (missed > 0) metrics.missed(group, missed);
      doneSlotMs = readyMs;
      evaluation = evaluateSlot(readyMs)
        .catch((cause: unknown) => settings.log.error("rule group failed", { rule_group: group.key, cause }))
        .finally(() => {
          evaluation = undefined;
          wake();
        });
      return;
    }
    const expiredMs = schedule.latestMs(nowMs - patienceMs - 1);
    if (expiredMs > doneSlotMs) {
      metrics.missed(group, slotsBetween(doneSlotMs, expiredMs));
      doneSlotMs = expiredMs;
    }
    const nextMs = schedule.nextMs(schedule.latestMs(nowMs));
    const expiryMs = schedule.nextMs(doneSlotMs) + patienceMs + 1;
    cancelTimer = clock.setTimer(wake, Math.max(1, Math.min(nextMs, expiryMs) - nowMs));
  }

  /** Samples that are evaluated but not appended yet. */
  let pending: SeriesWrite[] = [];
  let pendingNames = new Set<string>();
  let pendingRules = new Map<RuntimeRule, ReadonlyMap<string, Labels>>();

  async function flush(): Promise<void> {
    if (pending.length === 0) return;
    const [writes, rules] = [pending, pendingRules];
    pending = [];
    pendingNames = new Set();
    pendingRules = new Map();
    try {
      await settings.appendSeries(writes, clock.nowMs());
    } catch (cause) {
      for (const [rule, before] of rules) {
        fail(rule, cause);
        // Not known to be written: what was there before may still need its staleness marker.
        rule.previousSeries = new Map([...before, ...rule.previousSeries]);
      }
    }
  }

  function fail(rule: RuntimeRule, cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    metrics.failed(group);
    if (rule.lastError !== message) {
      settings.log.warn("rule failed", { rule_group: group.key, rule: rule.rule.name, cause });
    }
    rule.health = "err";
    rule.lastError = message;
  }

  function evaluateRule(rule: RuntimeRule, slotMs: number): number {
    const startedMs = measureMs();
    const before = rule.previousSeries;
    rule.lastEvaluationMs = clock.nowMs();
    let samples = 0;
    try {
      const { writes, events, isChanged } = evaluateTick(rule, slotMs, settings);
      rule.health = "ok";
      rule.lastError = "";
      samples = writes.length;
      pending.push(...writes);
      for (const { labels } of writes) pendingNames.add(labelValue(labels, metricNameLabel));
      if (writes.length > 0) pendingRules.set(rule, before);
      settings.deliver(events, isChanged);
    } catch (cause) {
      fail(rule, cause);
    }
    rule.evaluationSeconds = (measureMs() - startedMs) / 1_000;
    metrics.evaluated(group, rule.evaluationSeconds);
    settings.onEvaluated(rule);
    return samples;
  }

  async function evaluateSlot(slotMs: number): Promise<void> {
    const startedMs = measureMs();
    const slotDelaySeconds = (clock.nowMs() - slotMs) / 1_000;
    let samples = 0;
    for (const rule of group.rules) {
      if (!isRunning) break;
      // A rule sees what the rules before it made in the same slot.
      if ([...rule.ruleInputs].some((name) => pendingNames.has(name))) await flush();
      samples += await settings.stretch.run(() => evaluateRule(rule, slotMs));
    }
    await flush();
    group.evaluationSeconds = (measureMs() - startedMs) / 1_000;
    group.lastEvaluationMs = clock.nowMs();
    group.lastSlotMs = slotMs;
    metrics.iterated(group, { seconds: group.evaluationSeconds, samples, slotDelaySeconds });
  }

  return {
    start() {
      isRunning = true;
      doneSlotMs = schedule.latestMs(clock.nowMs());
      wake();
    },
    stop() {
      isRunning = false;
      cancelTimer();
    },
    wake,
    async idle() {
      for (let current = evaluation; current !== undefined; current = evaluation) await current;
    },
  };
}
