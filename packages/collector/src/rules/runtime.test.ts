import { expect, test } from "vitest";
import { labelsFromRecord } from "../model/index.ts";
import { parseRuleFile } from "./rule-file.ts";
import { createRuntime, createWatch } from "./runtime.ts";

const load = (rules: string) => {
  const [group] = createRuntime(parseRuleFile(`groups:\n- name: g\n  rules:\n${rules}`, "r.yaml"), 1_000);
  return group!.rules;
};

test("a series is read by the rules whose selectors match it, whatever the cache remembers", () => {
  const rules = load(`
  - { alert: A, expr: 'rate(calls{code=~"5.."}[1m]) > 0' }
  - { alert: B, expr: 'calls / total > 1 or calls > 5' }
  - { alert: C, expr: '{job="x"} > 1' }
  - { alert: D, expr: 'vector(1)' }
  - { alert: E, expr: 'total{job="x", zone!="b"} > 1 or total{job=""} > 1' }`);
  const watch = createWatch(rules, 2);
  const check = (record: Record<string, string>, expected: readonly number[]) =>
    expect(watch.rulesReading(labelsFromRecord(record))).toEqual(expected);
  for (let round = 0; round < 2; round += 1) {
    check({ __name__: "calls", code: "503" }, [0, 1]);
    check({ __name__: "calls", code: "200" }, [1]);
    check({ __name__: "total", job: "x" }, [1, 2, 4]);
    check({ __name__: "total", job: "x", zone: "b" }, [1, 2]);
    check({ __name__: "total" }, [1, 4]);
    check({ __name__: "anything", job: "x" }, [2]);
    check({ __name__: "anything" }, []);
  }
});

test("a rule knows which series of other rules it may read", () => {
  const rules = load(`
  - { record: job:load, expr: load }
  - { alert: A, expr: 'job:load > 1' }
  - { alert: B, expr: '{__name__=~"job:.*|ALERTS"} > 1' }
  - { alert: C, expr: 'load > 1' }`);
  expect(rules.map(({ ruleInputs }) => [...ruleInputs])).toEqual([
    [],
    ["job:load"],
    ["job:load", "ALERTS"],
    [],
  ]);
  expect(rules.map(({ isStreamable }) => isStreamable)).toEqual([false, false, false, true]);
});
