import { labelsToRecord } from "../model/index.ts";
import { formatExpression } from "../promql/index.ts";
import type { Alert } from "./alert.ts";
import type { RuntimeGroup, RuntimeRule } from "./runtime.ts";

/** An alert as `/api/v1/alerts` and `/api/v1/rules` show it. */
export interface AlertAnswer {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: "pending" | "firing";
  /** RFC 3339. */
  readonly activeAt: string;
  readonly keepFiringSince?: string;
  /** As Go writes it with an exponent: "1e+00". */
  readonly value: string;
}

/** A rule as `/api/v1/rules` shows it. Durations are seconds. */
export type RuleAnswer =
  | {
      readonly state: "unknown" | "inactive" | "pending" | "firing";
      readonly name: string;
      readonly query: string;
      readonly duration: number;
      readonly keepFiringFor: number;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
      readonly alerts: readonly AlertAnswer[];
      readonly health: "unknown" | "ok" | "err";
      readonly lastError?: string;
      readonly evaluationTime: number;
      readonly lastEvaluation: string;
      readonly type: "alerting";
    }
  | {
      readonly name: string;
      readonly query: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly health: "unknown" | "ok" | "err";
      readonly lastError?: string;
      readonly evaluationTime: number;
      readonly lastEvaluation: string;
      readonly type: "recording";
    };

/** A group as `/api/v1/rules` shows it. */
export interface GroupAnswer {
  readonly name: string;
  readonly file: string;
  readonly rules: readonly RuleAnswer[];
  readonly interval: number;
  readonly limit: number;
  readonly evaluationTime: number;
  readonly lastEvaluation: string;
}

/** Go's zero time: what Prometheus shows before the first evaluation. */
const never = "0001-01-01T00:00:00Z";

const timeOf = (timeMs: number | undefined) =>
  timeMs === undefined ? never : new Date(timeMs).toISOString().replace(/\.?0+Z$/, "Z");

/**
 * Groups, rules and alerts in the JSON of Prometheus' API.
 * @see Prometheus 3.14, web/api/v1/api.go
 */
export function buildSnapshot(groups: readonly RuntimeGroup[]): readonly GroupAnswer[] {
  return groups.map(({ group, rules, intervalMs, evaluationSeconds, lastEvaluationMs }) => ({
    name: group.name,
    file: group.file,
    rules: rules.map(showRule),
    interval: intervalMs / 1_000,
    limit: group.limit,
    evaluationTime: evaluationSeconds,
    lastEvaluation: timeOf(lastEvaluationMs),
  }));
}

function showRule(runtime: RuntimeRule): RuleAnswer {
  const { rule, health, lastError, evaluationSeconds, lastEvaluationMs } = runtime;
  const outcome = {
    health,
    ...(lastError === "" ? {} : { lastError }),
    evaluationTime: evaluationSeconds,
    lastEvaluation: timeOf(lastEvaluationMs),
  };
  const query = formatExpression(rule.expression);
  if (rule.kind === "recording") {
    return { name: rule.name, query, labels: rule.labels, ...outcome, type: "recording" };
  }
  const texts = (templates: typeof rule.labels) =>
    Object.fromEntries(Object.entries(templates).map(([name, { text }]) => [name, text]));
  return {
    state: stateOf(runtime),
    name: rule.name,
    query,
    duration: rule.forMs / 1_000,
    keepFiringFor: rule.keepFiringForMs / 1_000,
    labels: texts(rule.labels),
    annotations: texts(rule.annotations),
    alerts: [...runtime.alerts.values()].flatMap(showAlert),
    ...outcome,
    type: "alerting",
  };
}

function stateOf({ alerts, lastEvaluationMs }: RuntimeRule): "unknown" | "inactive" | "pending" | "firing" {
  const states = new Set([...alerts.values()].map(({ state }) => state));
  if (states.has("firing")) return "firing";
  if (states.has("pending")) return "pending";
  return lastEvaluationMs === undefined ? "unknown" : "inactive";
}

function showAlert(alert: Alert): readonly AlertAnswer[] {
  if (alert.state === "inactive") return [];
  return [
    {
      labels: labelsToRecord(alert.labels),
      annotations: alert.annotations,
      state: alert.state,
      activeAt: timeOf(alert.activeAtMs),
      ...(alert.keepFiringSinceMs === undefined ? {} : { keepFiringSince: timeOf(alert.keepFiringSinceMs) }),
      value: formatExponent(alert.value),
    },
  ];
}

/** Go's strconv.FormatFloat(value, 'e', -1, 64). */
function formatExponent(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
  const sign = exponent.startsWith("-") ? "-" : "+";
  return `${mantissa}e${sign}${exponent.replace(/^[+-]/, "").padStart(2, "0")}`;
}
