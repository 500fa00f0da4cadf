import { expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { languageOf } from "../promql/index.ts";
import { parseRuleFile } from "./rule-file.ts";

function problemsOf(text: string): string[] {
  try {
    parseRuleFile(text, "r.yaml");
  } catch (cause) {
    if (hasCode(cause, "QUARTET_RULES_INVALID")) return cause.message.split("\n");
    throw cause;
  }
  return [];
}

const check = (text: string, ...expected: string[]) => expect(problemsOf(text)).toEqual(expected);
const inGroup = (rules: string) => `groups:\n- name: g\n  rules:\n${rules}`;

test("a rule file gives groups with rules, durations in milliseconds, and group labels under the rules' own", () => {
  const [group, other] = parseRuleFile(
    `
groups:
- name: shop
  interval: 1m30s
  query_offset: 10s
  limit: 7
  labels: { team: pay, severity: low }
  rules:
  - record: job:errors:rate1m
    expr: sum by (job) (rate(errors_total[1m]))
    labels: { kind: rate }
  - alert: HighErrors
    expr: |
      job:errors:rate1m
        > 0.5
    for: 5m
    keep_firing_for: 1h
    labels: { severity: page, level: 3 }
    annotations:
      summary: "{{ $labels.job }} fails"
      quartet_note: ours
- name: other
  interval: 0s
`,
    "rules/shop.yaml",
  );
  expect(group).toMatchObject({
    name: "shop",
    file: "rules/shop.yaml",
    intervalMs: 90_000,
    queryOffsetMs: 10_000,
    limit: 7,
  });
  const [record, alert] = group!.rules;
  expect(record).toMatchObject({
    kind: "recording",
    name: "job:errors:rate1m",
    labels: { team: "pay", severity: "low", kind: "rate" },
  });
  expect(alert).toMatchObject({
    kind: "alerting",
    name: "HighErrors",
    forMs: 300_000,
    keepFiringForMs: 3_600_000,
  });
  expect(
    Object.entries(alert!.labels).map(([name, value]) => [name, (value as { text: string }).text]),
  ).toEqual([
    ["team", "pay"],
    ["severity", "page"],
    ["level", "3"],
  ]);
  expect(other).toEqual({
    name: "other",
    file: "rules/shop.yaml",
    intervalMs: undefined,
    queryOffsetMs: undefined,
    limit: 0,
    rules: [],
  });
});

test("an empty file has no groups; of several documents the first counts; anchors and merge keys are followed", () => {
  expect(parseRuleFile("", "r.yaml")).toEqual([]);
  expect(parseRuleFile("# nothing\n", "r.yaml")).toEqual([]);
  expect(
    parseRuleFile(`${inGroup("  - { alert: A, expr: up }")}\n---\ngroups: 5\n`, "r.yaml")[0]?.rules,
  ).toHaveLength(1);
  const [group] = parseRuleFile(
    inGroup("  - &base { alert: A, expr: up, for: 1m }\n  - { <<: *base, alert: B }"),
    "r.yaml",
  );
  expect(group?.rules).toMatchObject([
    { name: "A", forMs: 60_000 },
    { name: "B", forMs: 60_000 },
  ]);
});

test("an unknown key is named with its place and the nearest known key", () => {
  check(
    "groups:\n- nmae: g\n  rules:\n  - alert: A\n    expr: up\n    fro: 5m\n    zzzzzz: 1\n",
    'r.yaml:2:3: group: unknown key "nmae"; did you mean name?',
    "r.yaml:2:3: a group needs a name; add the key name",
    'r.yaml:6:5: group "", rule 1: unknown key "fro"; did you mean for?',
    'r.yaml:7:5: group "", rule 1: unknown key "zzzzzz"; known here: record, alert, expr, for, keep_firing_for, labels, annotations',
  );
});

test("an expression's error stands at its own line and column of the file", () => {
  const at = (text: string) => problemsOf(inGroup(text))[0]!.split(": ", 1)[0];
  expect(at("  - alert: A\n    expr: sum(up) by >\n")).toBe("r.yaml:5:22");
  expect(at('  - alert: A\n    expr: "sum(up) by >"\n')).toBe("r.yaml:5:23");
  expect(at("  - alert: A\n    expr: |\n      sum(up)\n        by >\n")).toBe("r.yaml:7:12");
  expect(at("  - alert: A\n    expr: >\n      sum(up)\n      by >\n")).toBe("r.yaml:5:11");
  expect(problemsOf(inGroup("  - { alert: A, expr: 'nope(up)' }"))[0]).toBe(
    'r.yaml:4:24: group "g", rule 1, "A": could not parse expression: 1:1: parse error: unknown function with name "nope"',
  );
});

test("every problem is listed, in the order of the file", () => {
  check(
    inGroup(`
  - alert: A
    record: b
    expr: up
  - expr: up
  - alert: C
  - record: "d{}"
    expr: up
    for: 1m
    keep_firing_for: 1m
    annotations: { a: b }
  - alert: E
    expr: up
    for: 5 minutes
    labels: { __name__: x, "": y, ok: "{{ nope }}" }
    annotations: { text: "{{ if }}" }`),
    `r.yaml:6:5: group "g", rule 1, "A": only one of 'record' and 'alert' must be set`,
    `r.yaml:8:5: group "g", rule 2: one of 'record' or 'alert' must be set`,
    `r.yaml:9:5: group "g", rule 3, "C": field 'expr' must be set in rule`,
    `r.yaml:10:13: group "g", rule 4, "d{}": braces present in the recording rule name; should it be in expr?: d{}`,
    `r.yaml:12:5: group "g", rule 4, "d{}": invalid field 'for' in recording rule; remove it, or write alert instead of record`,
    `r.yaml:13:5: group "g", rule 4, "d{}": invalid field 'keep_firing_for' in recording rule; remove it, or write alert instead of record`,
    `r.yaml:14:5: group "g", rule 4, "d{}": invalid field 'annotations' in recording rule; remove it, or write alert instead of record`,
    `r.yaml:17:10: group "g", rule 5, "E", for: not a valid duration string: "5 minutes"; write a number with a unit, such as 30s, 5m or 1h30m`,
    `r.yaml:18:15: group "g", rule 5, "E", labels: invalid label name: __name__`,
    `r.yaml:18:28: group "g", rule 5, "E", labels: invalid label name: `,
    `r.yaml:18:39: group "g", rule 5, "E": label "ok": template: __alert_E:1: function "nope" not defined`,
    `r.yaml:19:26: group "g", rule 5, "E": annotation "text": template: __alert_E:1: missing value for if`,
  );
});

test("shapes that are wrong are named where they stand", () => {
  check("- 1\n", "r.yaml:1:1: the file should be a mapping of keys to values");
  check("groups: { name: x }", "r.yaml:1:9: groups should be a list");
  check(
    "groups: [1]",
    "r.yaml:1:10: group should be a mapping of keys to values",
    "r.yaml:1:10: a group needs a name; add the key name",
  );
  check(
    inGroup("  - alert: [A]\n    expr: up\n"),
    "r.yaml:4:5: group \"g\", rule 1: one of 'record' or 'alert' must be set",
    'r.yaml:4:12: group "g", rule 1, alert should be a text',
  );
  check(
    "groups:\n- { name: g, limit: many }\n- { name: g }",
    'r.yaml:2:21: group "g", limit: "many" is no whole number',
    'r.yaml:3:3: group "g" is there twice in this file; rename one',
  );
  expect(problemsOf("groups: [")[0]).toMatch(/^r\.yaml:1:10: /);
  expect(problemsOf("groups:\n- name: a\n  name: b\n")[0]).toMatch(/^r\.yaml:3:3: Map keys must be unique/);
  expect(problemsOf("groups:\n- &a\n  name: x\n  <<: *a\n")[0]).toMatch(/merge keys are nested deeper/);
});

test("experimental parts of PromQL are read when they are on, and refused by name when not", () => {
  const text = inGroup("  - { record: few, expr: 'limitk(1, up)' }");
  expect(() => parseRuleFile(text, "r.yaml")).toThrow(/r\.yaml:\d+:\d+: .*limitk.*experimental/);
  expect(parseRuleFile(text, "r.yaml", languageOf(["promql-experimental-functions"]))).toHaveLength(1);
});
