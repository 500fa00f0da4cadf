import { rename } from "node:fs/promises";
import {
  hasCode,
  labelsKey,
  type AlertEvent,
  type Clock,
  type Labels,
  type Queryable,
  type SeriesWrite,
} from "../model/index.ts";
import type { Language } from "../promql/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import { alertSeries, eventOf, generatorUrlOf, type RuleSettings } from "./evaluate-rule.ts";
import { createGroupLoop } from "./group-loop.ts";
import { createEvaluateAt } from "./outcome.ts";
import type { RuleGroup } from "./rule.ts";
import { createRuleTelemetry } from "./rule-telemetry.ts";
import { createRuntime, createWatch, type RuntimeRule } from "./runtime.ts";
import { buildSnapshot, type AlertAnswer, type GroupAnswer } from "./snapshot.ts";
import {
  buildStateDocument,
  parseStateDocument,
  restoreAlerts,
  stateHeartbeatMs,
  type StateDocument,
} from "./state-document.ts";
import { openStateFile } from "./state-file.ts";
import { createRuleStream } from "./stream.ts";
import { createStretch } from "./stretch.ts";

export interface RuleEngineSettings {
  readonly groups: readonly RuleGroup[];
  /** What of PromQL is on; the stable language unless given. */
  readonly language?: Language;
  /** Interval of groups that name none, and step of subqueries that name none. */
  readonly evaluationIntervalMs: number;
  readonly queryable: Queryable;
  /** Appends what rules make; resolves when it is durable and `queryable` gives it. Rejects when it is not written. */
  readonly appendSeries: (writes: readonly SeriesWrite[], receivedAtMs: number) => Promise<void>;
  /** Up to when the series are complete, Unix ms. */
  readonly watermarkMs: () => number;
  /** Registers a callback for every advance of the watermark; returns how to end it. */
  readonly onWatermark: (callback: () => void) => (() => void) | void;
  /** Takes alerts, in order; an alert comes again while it fires, so taking one twice must not matter. */
  readonly notify: (events: readonly AlertEvent[]) => void;
  /** Where alerts survive a restart. */
  readonly stateFile: string;
  /** How people reach this collector, without a slash at its end. */
  readonly externalUrl: string;
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly traceUrl: (traceId: string) => string;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
  /** From the first touch of a rule to its evaluation. Default 50 ms. */
  readonly streamDebounceMs?: number;
  /** Default 1 minute, as in Prometheus. */
  readonly resendDelayMs?: number;
  /** Monotonic milliseconds for durations. Default performance.now. */
  readonly measureMs?: () => number;
}

export interface RuleEngine {
  /**
   * Restores the alerts and starts every group.
   * @throws CollectorError QUARTET_STATE_INVALID when a newer version wrote the state file.
   */
  start(): void;
  /** Ends after the evaluations under way and writes the state. */
  stop(): Promise<void>;
  /** Says that these series have new samples. Cheap where no rule reads them; does nothing before the start. */
  touched(labels: readonly Labels[]): void;
  /** Whether some rule's selector matches. */
  isWatched(labels: Labels): boolean;
  /** `data.groups` of `/api/v1/rules`. */
  groups(): readonly GroupAnswer[];
  /** `data.alerts` of `/api/v1/alerts`. */
  alerts(): readonly AlertAnswer[];
  /** Resolves when nothing is being evaluated or written. */
  idle(): Promise<void>;
}

const streamDebounceMsDefault = 50;
const resendDelayMsDefault = 60_000;
// Longest stretch of evaluations by ticks before other work of the thread gets its turn.
const stretchMsMax = 20;
// At about 500 bytes a key this bounds the cache to 50 MB; what does not fit is matched again.
const watchCacheSizeMax = 100_000;

/**
 * Evaluates rule groups on Prometheus' schedule, and alerting rules between their ticks as soon as samples touch them.
 * Alert states are durable before the notifier hears of them.
 * @see design §1.6: the tick is truth, the stream a shortcut
 */
export function createRuleEngine(settings: RuleEngineSettings): RuleEngine {
  const { clock, log } = settings;
  const measureMs = settings.measureMs ?? (() => performance.now());
  const groups = createRuntime(settings.groups, settings.evaluationIntervalMs);
  const rules = groups.flatMap((group) => group.rules);
  const watch = createWatch(rules, watchCacheSizeMax);
  const metrics = createRuleTelemetry(settings.telemetry, groups);
  const generatorUrl = ({ rule }: RuntimeRule) =>
    rule.kind === "alerting" ? generatorUrlOf(settings.externalUrl, rule) : "";
  const buildDocument = () =>
    JSON.stringify(buildStateDocument(groups, { nowMs: clock.nowMs(), generatorUrlOf: generatorUrl }));
  const stateFile = openStateFile(settings.stateFile, buildDocument);
  let deliveries = Promise.resolve();
  let endWatermark: (() => void) | void;

  function notify(events: readonly AlertEvent[]): void {
    if (events.length === 0) return;
    for (const { status } of events) metrics.sent(status);
    try {
      settings.notify(events);
    } catch (cause) {
      log.error("the notifier did not take alerts", { alerts: events.length, cause });
    }
  }

  /** State first, then the notifier, in the order of the evaluations: what was sent is known after a crash. */
  function deliver(events: readonly AlertEvent[], isChanged: boolean): void {
    if (!isChanged && events.length === 0) return;
    const written = isChanged ? stateFile.write() : Promise.resolve();
    deliveries = Promise.all([deliveries, written.catch(reportWriteFailure)]).then(() => notify(events));
  }

  function reportWriteFailure(cause: unknown): void {
    metrics.stateWriteFailed();
    log.error("the alerts' state could not be written; after a restart it may be sent again", {
      file: settings.stateFile,
      cause,
    });
  }

  const reportedTemplates = new Set<string>();
  const ruleSettings: RuleSettings = {
    externalLabels: settings.externalLabels,
    externalUrl: settings.externalUrl,
    language: settings.language,
    evaluate: createEvaluateAt({ ...settings, nowMs: clock.nowMs }),
    onTemplateProblem(rule, problem) {
      metrics.templateFailed();
      // Once a rule: the same template fails at every evaluation.
      if (reportedTemplates.has(rule.name)) return;
      reportedTemplates.add(rule.name);
      log.warn("a template of a rule did not expand", { rule: rule.name, problem });
    },
    queryable: settings.queryable,
    traceUrl: settings.traceUrl,
    resendDelayMs: settings.resendDelayMs ?? resendDelayMsDefault,
  };
  const shared = {
    ...ruleSettings,
    clock,
    measureMs,
    watermarkMs: settings.watermarkMs,
    deliver,
    metrics,
    log,
  };
  const stream = createRuleStream({
    ...shared,
    rules,
    watch,
    debounceMs: settings.streamDebounceMs ?? streamDebounceMsDefault,
  });
  const stretch = createStretch(measureMs, stretchMsMax);
  let isStarted = false;
  let heartbeatMs = 0;
  /** While there are alerts, the file also says until when somebody looked: that time counts for pending ones. */
  function beat(rule: RuntimeRule): void {
    if (rule.alerts.size === 0 || clock.nowMs() - heartbeatMs < stateHeartbeatMs) return;
    heartbeatMs = clock.nowMs();
    deliver([], true);
  }
  const loops = groups.map((group) =>
    createGroupLoop(group, {
      ...shared,
      appendSeries: settings.appendSeries,
      stretch,
      onEvaluated(rule) {
        beat(rule);
        stream.planFor(rule);
      },
    }),
  );

  function readState(): StateDocument | undefined {
    const text = stateFile.read();
    if (text === undefined) return undefined;
    try {
      return parseStateDocument(text, settings.stateFile);
    } catch (cause) {
      if (!hasCode(cause, "QUARTET_STATE_INVALID") || cause.message.includes("has version")) throw cause;
      // The file is replaced atomically, so this is no crash of ours. Alerts begin anew; the file is kept for a look.
      log.error("the alerts' state does not decode; it is moved aside and the alerts begin anew", { cause });
      const aside = `${settings.stateFile}.broken`;
      void rename(settings.stateFile, aside).catch((problem: unknown) =>
        log.warn("the broken state could not be moved aside", { cause: problem }),
      );
      return undefined;
    }
  }

  /** What was active is sent at once: the notifier knows what it has sent, and it may have stopped before. */
  function restore(): void {
    const document = readState();
    if (document === undefined) return;
    const nowMs = clock.nowMs();
    const { orphans } = restoreAlerts(groups, document, nowMs);
    const events: AlertEvent[] = [];
    for (const rule of rules) {
      const active = alertSeries(rule, nowMs).map(({ labels }) => labels);
      rule.previousSeries = new Map(active.map((labels) => [labelsKey(labels), labels]));
      for (const alert of rule.alerts.values()) {
        if (alert.state === "pending") continue;
        alert.lastSentAtMs = nowMs;
        events.push(eventOf(alert, generatorUrl(rule)));
      }
      stream.planFor(rule);
    }
    for (const { rule, alert } of orphans) {
      if (alert.state !== "firing") continue;
      events.push(eventOf({ ...alert, state: "inactive", resolvedAtMs: nowMs }, rule.generatorUrl));
    }
    deliver(events, orphans.length > 0);
  }

  async function idle(): Promise<void> {
    await Promise.all(loops.map((loop) => loop.idle()));
    await stateFile.idle();
    await deliveries;
  }

  return {
    start() {
      restore();
      isStarted = true;
      endWatermark = settings.onWatermark(() => {
        for (const loop of loops) loop.wake();
        stream.wake();
      });
      for (const loop of loops) loop.start();
    },
    async stop() {
      if (typeof endWatermark === "function") endWatermark();
      stream.stop();
      for (const loop of loops) loop.stop();
      await idle();
      await stateFile.write().catch(reportWriteFailure);
    },
    touched(labels) {
      // Before the alerts are restored, what fires already would fire anew.
      if (isStarted) stream.touched(labels);
    },
    isWatched: (labels) => watch.rulesReading(labels).length > 0,
    groups: () => buildSnapshot(groups),
    alerts: () =>
      buildSnapshot(groups).flatMap((group) =>
        group.rules.flatMap((rule) => (rule.type === "alerting" ? rule.alerts : [])),
      ),
    idle,
  };
}
