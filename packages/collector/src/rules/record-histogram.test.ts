import { expect, test } from "vitest";
import { labelsToRecord, type NativeHistogram, type Queryable } from "../model/index.ts";
import { evaluateTick } from "./evaluate-rule.ts";
import { createEvaluateAt } from "./outcome.ts";
import { parseRuleFile } from "./rule-file.ts";
import { createRuntime } from "./runtime.ts";

const took: NativeHistogram = {
  counterResetHint: "gauge",
  schema: 0,
  zeroThreshold: 1e-128,
  zeroCount: 0,
  count: 3,
  sum: 4,
  positive: { indexes: [1, 2], counts: [1, 2] },
  negative: { indexes: [], counts: [] },
  customValues: [],
};

test("a recording rule writes the native histogram that it gets, with float counts, and its end", () => {
  let isThere = true;
  const queryable: Queryable = {
    select: () =>
      isThere
        ? [
            {
              labels: ["__name__", "took"],
              timestampsMs: Float64Array.of(1_000),
              values: Float64Array.of(0),
              histograms: [took],
            },
          ]
        : [],
    series: () => [],
    labelNames: () => [],
    labelValues: () => [],
    exemplars: () => [],
    metadata: () => new Map(),
  };
  const text = "groups:\n- name: g\n  rules:\n  - { record: all:took, expr: sum(took) }\n";
  const [group] = createRuntime(parseRuleFile(text, "r.yaml"), 1_000);
  const evaluate = createEvaluateAt({ queryable, evaluationIntervalMs: 60_000, nowMs: () => 0 });
  const settings = {
    evaluate,
    externalUrl: "",
    externalLabels: {},
    onTemplateProblem: () => {},
    resendDelayMs: 60_000,
    queryable,
    traceUrl: () => "",
  };
  const tick = (slotMs: number) => evaluateTick(group!.rules[0]!, slotMs, settings).writes;
  const [write, ...others] = tick(1_000);
  expect(others).toEqual([]);
  expect(labelsToRecord(write!.labels)).toEqual({ __name__: "all:took" });
  expect(write).toMatchObject({
    samples: [],
    histograms: [{ timestampMs: 1_000, counts: "float", histogram: { count: 3, positive: took.positive } }],
  });
  isThere = false;
  expect(tick(2_000)).toMatchObject([{ samples: [{ timestampMs: 2_000, isStale: true }] }]);
});
