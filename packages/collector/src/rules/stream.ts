import type { AlertEvent, Clock, Labels } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { evaluateStream, type RuleSettings } from "./evaluate-rule.ts";
import type { RuleTelemetry } from "./rule-telemetry.ts";
import type { RuntimeRule, Watch } from "./runtime.ts";

export interface StreamSettings extends RuleSettings {
  readonly rules: readonly RuntimeRule[];
  readonly watch: Watch;
  readonly clock: Clock;
  readonly measureMs: () => number;
  readonly watermarkMs: () => number;
  /** From the first touch of a rule to its evaluation, so that samples that belong together are all there. */
  readonly debounceMs: number;
  readonly deliver: (events: readonly AlertEvent[], isChanged: boolean) => void;
  readonly metrics: RuleTelemetry;
  readonly log: Log;
}

/** Evaluates alerting rules between their ticks. */
export interface RuleStream {
  /** Marks the rules that read one of these series; they are evaluated after the debounce. */
  touched(labels: readonly Labels[]): void;
  /** To be called after a tick evaluated the rule: its pending alerts fire when their time is over, not at the next tick. */
  planFor(rule: RuntimeRule): void;
  /** To be called when the watermark moved. */
  wake(): void;
  stop(): void;
}

// A rule whose last tick took longer would hold up all others with every sample; it waits for its tick.
const slowSecondsMin = 0.1;
// One turn of the stream may take this long; then what else the thread does comes first.
const turnMsMax = 20;
// The stream rests this many times as long as it worked, so that it takes a quarter of the thread at most.
const restFactor = 3;

/** The shortcut beside the ticks: an evaluation here only advances alerts (see applyStream). */
export function createRuleStream(settings: StreamSettings): RuleStream {
  const { rules, watch, clock, measureMs, metrics } = settings;
  /** When each dirty rule was first touched, by index, in order. */
  const dirty = new Map<number, number>();
  /** When pending alerts of a rule are due, by index. */
  const due = new Map<number, number>();
  let cancelTurn: (() => void) | undefined;
  let cancelDue: (() => void) | undefined;
  let restUntilMs = 0;
  let isStopped = false;

  function mark(index: number, nowMs: number): void {
    if (!dirty.has(index)) dirty.set(index, nowMs);
  }

  function schedule(delayMs: number): void {
    if (cancelTurn !== undefined || dirty.size === 0 || isStopped) return;
    const restMs = restUntilMs - clock.nowMs();
    // A clock that was set back must not stretch the rest.
    const waitMs = Math.max(delayMs, Math.min(restMs, restFactor * 1_000));
    cancelTurn = clock.setTimer(runTurn, waitMs);
  }

  function runTurn(): void {
    cancelTurn = undefined;
    const startedMs = measureMs();
    for (const [index, touchedMs] of dirty) {
      dirty.delete(index);
      evaluate(rules[index]!, touchedMs);
      if (measureMs() - startedMs > turnMsMax) break;
    }
    const tookMs = measureMs() - startedMs;
    restUntilMs = clock.nowMs() + restFactor * tookMs;
    schedule(0);
  }

  function evaluate(rule: RuntimeRule, touchedMs: number): void {
    if (rule.evaluationSeconds > slowSecondsMin) {
      metrics.streamSkipped();
      return;
    }
    const startedMs = measureMs();
    const nowMs = clock.nowMs();
    try {
      const { events, isChanged } = evaluateStream(rule, nowMs, settings);
      settings.deliver(events, isChanged);
    } catch (cause) {
      // The tick meets the same problem and says so once; here it is only counted.
      metrics.streamFailed();
      if (!(cause instanceof Error)) throw cause;
    }
    metrics.streamed((measureMs() - startedMs) / 1_000, Math.max(0, clock.nowMs() - touchedMs) / 1_000);
    planFor(rule);
  }

  function planFor(runtime: RuntimeRule): void {
    const { rule, alerts, isStreamable, index } = runtime;
    if (!isStreamable || rule.kind !== "alerting" || rule.forMs === 0) return;
    let earliestMs = Infinity;
    for (const { state, activeAtMs } of alerts.values()) {
      if (state === "pending") earliestMs = Math.min(earliestMs, activeAtMs + rule.forMs);
    }
    // What is overdue was not there when it was looked at; the tick decides about it.
    if (earliestMs === Infinity || earliestMs <= clock.nowMs()) due.delete(index);
    else due.set(index, earliestMs);
    scheduleDue();
  }

  function scheduleDue(): void {
    cancelDue?.();
    cancelDue = undefined;
    if (due.size === 0 || isStopped) return;
    const nextMs = Math.min(...due.values());
    const delayMs = nextMs - clock.nowMs();
    if (delayMs > 0) cancelDue = clock.setTimer(checkDue, delayMs);
    else checkDue();
  }

  /** Marks what is due, once the series have come that far: a lag must not let an alert fire that is over. */
  function checkDue(): void {
    cancelDue = undefined;
    const nowMs = clock.nowMs();
    const completeMs = Math.min(nowMs, settings.watermarkMs());
    let isLater = false;
    for (const [index, dueMs] of due) {
      if (dueMs <= completeMs) {
        due.delete(index);
        mark(index, nowMs);
      } else if (dueMs > nowMs) isLater = true;
    }
    schedule(0);
    if (isLater) {
      const nextMs = Math.min(...[...due.values()].filter((dueMs) => dueMs > nowMs));
      cancelDue = clock.setTimer(checkDue, nextMs - nowMs);
    }
  }

  return {
    touched(labelsList) {
      if (isStopped) return;
      const nowMs = clock.nowMs();
      for (const labels of labelsList) {
        for (const index of watch.rulesReading(labels)) if (rules[index]!.isStreamable) mark(index, nowMs);
      }
      schedule(settings.debounceMs);
    },
    planFor,
    wake() {
      if (due.size > 0) checkDue();
    },
    stop() {
      isStopped = true;
      cancelTurn?.();
      cancelDue?.();
      dirty.clear();
      due.clear();
    },
  };
}
