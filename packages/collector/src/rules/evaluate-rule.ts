import {
  labelsFromRecord,
  labelsKey,
  labelsToRecord,
  metricNameLabel,
  type AlertEvent,
  type Labels,
  type SeriesWrite,
} from "../model/index.ts";
import { formatExpression } from "../promql/index.ts";
import type { Alert, AlertSighting } from "./alert.ts";
import { createFindEvidence, type EvidenceSettings } from "./evidence.ts";
import { applyStream, applyTick, needsSending, type LifecycleChange } from "./lifecycle.ts";
import { recordSeries, RuleProblem, sightAlerts, type Element, type ExpandSettings } from "./outcome.ts";
import type { AlertingRule } from "./rule.ts";
import { alertsForStateMetric, alertsMetric, type RuntimeRule } from "./runtime.ts";
import { goQueryEscape } from "./template/function.ts";

export interface RuleSettings extends ExpandSettings, EvidenceSettings {
  /** A firing or resolved alert is handed over again after this time. Prometheus: 1 minute. */
  readonly resendDelayMs: number;
}

/** What came of one evaluation of one rule. */
export interface RuleOutcome {
  /** Samples and staleness markers to append; [] between the ticks. */
  readonly writes: readonly SeriesWrite[];
  /** Alerts that the notifier should hear of. */
  readonly events: readonly AlertEvent[];
  /** Whether the alerts' state must be written before the events go out. */
  readonly isChanged: boolean;
}

/**
 * Evaluates a rule for the slot of its group and moves its alerts.
 * @throws CollectorError of promql or RuleProblem; nothing moves then, but that over its limit a rule loses its alerts.
 */
export function evaluateTick(runtime: RuntimeRule, slotMs: number, settings: RuleSettings): RuleOutcome {
  const { rule, group } = runtime;
  const atMs = slotMs - group.queryOffsetMs;
  const elements = settings.evaluate(rule.expression, atMs);
  if (rule.kind === "recording") {
    const series = recordSeries(rule, elements);
    checkLimit(group.group.limit, series.length, "series");
    return { writes: writeSeries(runtime, series, atMs), events: [], isChanged: false };
  }
  const sightings = sightAlerts(rule, elements, slotMs, settings);
  const change = applyTick(runtime.alerts, sightings, rule, slotMs);
  if (group.group.limit > 0 && change.activeCount > group.group.limit) {
    runtime.alerts.clear();
    checkLimit(group.group.limit, change.activeCount, "alerts");
  }
  const events = takeEvents(runtime, rule, { atMs: slotMs, change, isTick: true }, settings);
  const isResolved = change.resolved.length > 0;
  return {
    writes: writeSeries(runtime, alertSeries(runtime, slotMs), atMs),
    events,
    isChanged: change.isChanged || isResolved,
  };
}

/**
 * Evaluates an alerting rule between the ticks; its alerts may only advance.
 * @throws CollectorError of promql or RuleProblem; nothing moves then.
 */
export function evaluateStream(runtime: RuntimeRule, nowMs: number, settings: RuleSettings): RuleOutcome {
  const { rule, group } = runtime;
  if (rule.kind !== "alerting") return { writes: [], events: [], isChanged: false };
  const sightings = sightAlerts(rule, settings.evaluate(rule.expression, nowMs), nowMs, settings);
  checkLimit(group.group.limit, countAfter(runtime, sightings), "alerts");
  const change = applyStream(runtime.alerts, sightings, rule, nowMs);
  const events = takeEvents(runtime, rule, { atMs: nowMs, change, isTick: false }, settings);
  return { writes: [], events, isChanged: change.isChanged };
}

function checkLimit(limit: number, count: number, noun: string): void {
  if (limit > 0 && count > limit) throw new RuleProblem(`exceeded limit of ${limit} with ${count} ${noun}`);
}

function countAfter({ alerts }: RuntimeRule, sightings: ReadonlyMap<string, AlertSighting>): number {
  const active = new Set(sightings.keys());
  for (const [key, { state }] of alerts) if (state !== "inactive") active.add(key);
  return active.size;
}

interface Moment {
  readonly atMs: number;
  readonly change: LifecycleChange;
  readonly isTick: boolean;
}

/** The alerts that are due, marked as sent. */
function takeEvents(
  runtime: RuntimeRule,
  rule: AlertingRule,
  { atMs, change, isTick }: Moment,
  settings: RuleSettings,
): AlertEvent[] {
  const generatorUrl = generatorUrlOf(settings.externalUrl, rule);
  const ownLabels = new Set([...Object.keys(rule.labels), "alertname"]);
  const findEvidence = createFindEvidence(settings, runtime.selectors, { atMs, ownLabels });
  const due = isTick
    ? [...runtime.alerts.values()].filter((alert) => needsSending(alert, atMs, settings.resendDelayMs))
    : change.fired;
  return due.map((alert) => {
    // Looked for again with every repetition as long as there is none: traces may come after the metrics.
    if (alert.state === "firing" && alert.evidence.length === 0) alert.evidence = findEvidence(alert.labels);
    alert.lastSentAtMs = atMs;
    return eventOf(alert, generatorUrl);
  });
}

/** The link to the expression's table, as Prometheus forms it. */
export function generatorUrlOf(externalUrl: string, rule: AlertingRule): string {
  return `${externalUrl}/graph?g0.expr=${goQueryEscape(formatExpression(rule.expression))}&g0.tab=1`;
}

/** What the notifier is told of an alert. */
export function eventOf(alert: Alert, generatorUrl: string): AlertEvent {
  return {
    fingerprint: alert.fingerprint,
    status: alert.state === "firing" ? "firing" : "resolved",
    labels: labelsToRecord(alert.labels),
    annotations: alert.annotations,
    startsAtMs: alert.firedAtMs ?? alert.activeAtMs,
    endsAtMs: alert.resolvedAtMs,
    generatorUrl,
    value: alert.value,
    evidence: alert.evidence,
  };
}

/** ALERTS and ALERTS_FOR_STATE of the alerts that were active at the slot. */
export function alertSeries({ alerts }: RuntimeRule, slotMs: number): Element[] {
  const series: Element[] = [];
  for (const alert of alerts.values()) {
    if (alert.state === "inactive" || alert.activeAtMs > slotMs) continue;
    const labels = labelsToRecord(alert.labels);
    series.push(
      {
        labels: labelsFromRecord({ ...labels, [metricNameLabel]: alertsMetric, alertstate: alert.state }),
        value: 1,
      },
      {
        labels: labelsFromRecord({ ...labels, [metricNameLabel]: alertsForStateMetric }),
        value: Math.floor(alert.activeAtMs / 1_000),
      },
    );
  }
  return series;
}

/** Samples for what there is now, staleness markers for what there was and is no more. */
function writeSeries(runtime: RuntimeRule, series: readonly Element[], atMs: number): SeriesWrite[] {
  const current = new Map<string, Labels>();
  const writes: SeriesWrite[] = [];
  for (const { labels, value, histogram } of series) {
    current.set(labelsKey(labels), labels);
    const write = toWrite(labels, { timestampMs: atMs, value });
    writes.push(
      histogram === undefined
        ? write
        : { ...write, samples: [], histograms: [{ timestampMs: atMs, counts: "float", histogram }] },
    );
  }
  for (const [key, labels] of runtime.previousSeries) {
    if (!current.has(key)) writes.push(toWrite(labels, { timestampMs: atMs, value: 0, isStale: true }));
  }
  runtime.previousSeries = current;
  return writes;
}

function toWrite(labels: Labels, sample: SeriesWrite["samples"][number]): SeriesWrite {
  return {
    labels,
    type: "gauge",
    help: "",
    unit: "",
    startTimestampMs: 0,
    samples: [sample],
    exemplars: [],
  };
}
