import { expect, test } from "vitest";
import { labelsFromRecord, labelsKey } from "../model/index.ts";
import type { Alert } from "./alert.ts";
import { parseRuleFile } from "./rule-file.ts";
import { createRuntime } from "./runtime.ts";
import { buildStateDocument, parseStateDocument, restoreAlerts } from "./state-document.ts";

const nowMs = 1_750_000_000_000;
const rules = (text: string) =>
  createRuntime(parseRuleFile(`groups:\n- name: g\n  rules:\n${text}`, "r.yaml"), 10_000);

const alertOf = (fields: Partial<Alert>): Alert => ({
  labels: labelsFromRecord({ alertname: "A", host: "x" }),
  fingerprint: "6c1c1d5d1d1d1d1d",
  annotations: { summary: "s" },
  state: "firing",
  value: Number.POSITIVE_INFINITY,
  activeAtMs: nowMs - 5_000,
  firedAtMs: nowMs - 4_000,
  resolvedAtMs: undefined,
  lastSentAtMs: nowMs - 4_000,
  keepFiringSinceMs: nowMs - 1_000,
  lastSeenMs: nowMs - 2_000,
  evidence: [],
  ...fields,
});

function roundTrip(alert: Alert, { from, to, gapMs }: { from: string; to: string; gapMs: number }) {
  const before = rules(from);
  before[0]!.lastSlotMs = nowMs;
  before[0]!.rules.at(-1)!.alerts.set(labelsKey(alert.labels), alert);
  const text = JSON.stringify(buildStateDocument(before, { nowMs, generatorUrlOf: () => "http://g" }));
  const after = rules(to);
  const { orphans } = restoreAlerts(after, parseStateDocument(text, "alerts.json"), nowMs + gapMs);
  return { alerts: after[0]!.rules.map((rule) => [...rule.alerts.values()]), orphans };
}

const rule = "  - { alert: A, expr: load > 0, for: 1m }";

test("an alert comes back as it was, values that JSON does not know included", () => {
  const alert = alertOf({});
  const { alerts, orphans } = roundTrip(alert, { from: rule, to: rule, gapMs: 60_000 });
  expect(orphans).toEqual([]);
  const [[restored]] = alerts as [[Alert]];
  expect({ ...restored, fingerprint: alert.fingerprint }).toEqual(alert);
});

test("time without evaluations does not count for a pending alert", () => {
  const pending = alertOf({ state: "pending", activeAtMs: nowMs - 30_000, firedAtMs: undefined });
  const beginning = (gapMs: number) =>
    roundTrip(pending, { from: rule, to: rule, gapMs }).alerts[0]![0]!.activeAtMs;
  expect(beginning(20_000)).toBe(nowMs - 30_000);
  expect(beginning(600_000)).toBe(nowMs + 600_000 - 30_000);
});

test("rules are found again by name and labels; alerts of a rule that is gone are handed back", () => {
  const two = `${rule}\n  - { alert: A, expr: load > 5, labels: { severity: page } }`;
  const swapped =
    "  - { alert: A, expr: load > 6, labels: { severity: page } }\n  - { record: r, expr: load }";
  expect(roundTrip(alertOf({}), { from: two, to: swapped, gapMs: 0 }).alerts[0]).toHaveLength(1);
  const { alerts, orphans } = roundTrip(alertOf({}), { from: rule, to: swapped, gapMs: 0 });
  expect(alerts.flat()).toEqual([]);
  expect(orphans).toMatchObject([
    { rule: { rule: "A", generatorUrl: "http://g" }, alert: { state: "firing" } },
  ]);
});

test("a file of a newer version is refused by name, and what is no state is refused", () => {
  const check = (text: string, message: RegExp) =>
    expect(() => parseStateDocument(text, "alerts.json")).toThrow(message);
  check('{"version":2,"rules":[]}', /^alerts\.json has version 2; this collector reads up to 1/);
  check("{", /^alerts\.json is no JSON/);
  check("null", /no state of alerts/);
  check(
    '{"version":1,"rules":[{"file":"","group":"","rule":"","labels":{},"alerts":[{}]}]}',
    /no state of alerts/,
  );
});
