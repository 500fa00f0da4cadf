import {
  CollectorError,
  labelsFromRecord,
  labelsKey,
  labelsToRecord,
  type EvidenceTrace,
} from "../model/index.ts";
import { formatExpression } from "../promql/index.ts";
import type { Alert, AlertState } from "./alert.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { RuntimeGroup, RuntimeRule } from "./runtime.ts";

/** The alerts of one rule on disk. */
export interface StoredRule {
  readonly file: string;
  readonly group: string;
  readonly rule: string;
  /** Labels as written; tells rules of one name apart. */
  readonly labels: Readonly<Record<string, string>>;
  readonly expression: string;
  readonly generatorUrl: string;
  /** Newest slot that was evaluated, Unix ms; 0 = none. */
  readonly lastSlotMs: number;
  readonly alerts: readonly StoredAlert[];
}

/** An alert on disk; the value is a text, because JSON has no NaN and no infinity. Times are Unix ms. */
export interface StoredAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: AlertState;
  readonly value: string;
  readonly activeAtMs: number;
  readonly firedAtMs?: number | undefined;
  readonly resolvedAtMs?: number | undefined;
  readonly lastSentAtMs?: number | undefined;
  readonly keepFiringSinceMs?: number | undefined;
  readonly lastSeenMs: number;
  readonly evidence: readonly EvidenceTrace[];
}

export interface StateDocument {
  readonly version: 1;
  readonly savedAtMs: number;
  readonly rules: readonly StoredRule[];
}

export const stateVersion = 1;

/** While there are alerts, the state is written at least this often. */
export const stateHeartbeatMs = 10_000;

/** What is to be kept of all rules that have alerts. */
export function buildStateDocument(
  groups: readonly RuntimeGroup[],
  {
    nowMs,
    generatorUrlOf,
  }: { readonly nowMs: number; readonly generatorUrlOf: (rule: RuntimeRule) => string },
): StateDocument {
  const rules: StoredRule[] = [];
  for (const { group, rules: members, lastSlotMs } of groups) {
    for (const member of members) {
      if (member.alerts.size === 0) continue;
      rules.push({
        file: group.file,
        group: group.name,
        ...identityOf(member),
        expression: formatExpression(member.rule.expression),
        generatorUrl: generatorUrlOf(member),
        lastSlotMs: lastSlotMs ?? 0,
        alerts: [...member.alerts.values()].map(storeAlert),
      });
    }
  }
  return { version: stateVersion, savedAtMs: nowMs, rules };
}

function storeAlert(alert: Alert): StoredAlert {
  const { labels, fingerprint: _derived, value, ...rest } = alert;
  return { labels: labelsToRecord(labels), value: String(value), ...rest };
}

function identityOf({ rule }: RuntimeRule): Pick<StoredRule, "rule" | "labels"> {
  const labels =
    rule.kind === "recording"
      ? rule.labels
      : Object.fromEntries(Object.entries(rule.labels).map(([name, { text }]) => [name, text]));
  return { rule: rule.name, labels };
}

/**
 * Checks what was read from disk.
 * @throws CollectorError QUARTET_STATE_INVALID when it does not decode, or when a newer version wrote it.
 */
export function parseStateDocument(text: string, file: string): StateDocument {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new CollectorError("QUARTET_STATE_INVALID", `${file} is no JSON`, { cause });
  }
  const { version, rules } = (parsed ?? {}) as { version?: unknown; rules?: unknown };
  if (typeof version === "number" && version > stateVersion) {
    throw new CollectorError(
      "QUARTET_STATE_INVALID",
      `${file} has version ${version}; this collector reads up to ${stateVersion}: start the newer one, or move the file away`,
    );
  }
  if (version !== stateVersion || !Array.isArray(rules) || !rules.every(isStoredRule)) {
    throw new CollectorError("QUARTET_STATE_INVALID", `${file} is no state of alerts`);
  }
  return parsed as StateDocument;
}

function isStoredRule(value: unknown): boolean {
  const { file, group, rule, labels, alerts } = (value ?? {}) as Partial<Record<keyof StoredRule, unknown>>;
  return (
    [file, group, rule].every((text) => typeof text === "string") &&
    isRecord(labels) &&
    Array.isArray(alerts) &&
    alerts.every(isStoredAlert)
  );
}

function isStoredAlert(value: unknown): boolean {
  const alert = (value ?? {}) as Partial<Record<keyof StoredAlert, unknown>>;
  return (
    isRecord(alert.labels) &&
    isRecord(alert.annotations) &&
    ["inactive", "pending", "firing"].includes(String(alert.state)) &&
    typeof alert.value === "string" &&
    typeof alert.activeAtMs === "number" &&
    typeof alert.lastSeenMs === "number" &&
    Array.isArray(alert.evidence)
  );
}

const isRecord = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

export interface RestoreResult {
  /** Alerts of rules that no longer exist, with what the notifier must hear of them. */
  readonly orphans: readonly { readonly rule: StoredRule; readonly alert: Alert }[];
}

/**
 * Gives the rules back their alerts. Rules are found again by file, group, name and labels; of several alike the first
 * gets the first's. A pending alert's time does not count while nobody looked: when the last evaluation is longer ago
 * than two intervals and two writes of the state, its beginning moves by the gap, as Prometheus' restoration does.
 */
export function restoreAlerts(
  groups: readonly RuntimeGroup[],
  document: StateDocument,
  nowMs: number,
): RestoreResult {
  const stored = new Map<string, StoredRule[]>();
  for (const rule of document.rules) {
    const key = identityKey(rule);
    stored.set(key, [...(stored.get(key) ?? []), rule]);
  }
  for (const runtime of groups) {
    for (const member of runtime.rules) {
      const { file, name } = runtime.group;
      const found = stored.get(identityKey({ file, group: name, ...identityOf(member) }))?.shift();
      if (found === undefined || member.rule.kind === "recording") continue;
      const gapMs = nowMs - Math.max(found.lastSlotMs, 0);
      for (const alert of found.alerts.map(loadAlert)) {
        const wasWatched = found.lastSlotMs > 0 && gapMs > 2 * runtime.intervalMs + 2 * stateHeartbeatMs;
        if (alert.state === "pending" && wasWatched) {
          const spentMs = Math.max(0, found.lastSlotMs - alert.activeAtMs);
          alert.activeAtMs = nowMs - spentMs;
        }
        member.alerts.set(labelsKey(alert.labels), alert);
      }
    }
  }
  const orphans = [...stored.values()]
    .flat()
    .flatMap((rule) => rule.alerts.map((alert) => ({ rule, alert: loadAlert(alert) })));
  return { orphans };
}

function loadAlert({ labels, value, ...rest }: StoredAlert): Alert {
  return {
    firedAtMs: undefined,
    resolvedAtMs: undefined,
    lastSentAtMs: undefined,
    keepFiringSinceMs: undefined,
    ...rest,
    labels: labelsFromRecord(labels),
    fingerprint: fingerprintOf(labels),
    value: Number(value),
  };
}

function identityKey({
  file,
  group,
  rule,
  labels,
}: Pick<StoredRule, "file" | "group" | "rule" | "labels">): string {
  const sorted = Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1));
  return JSON.stringify([file, group, rule, sorted]);
}
