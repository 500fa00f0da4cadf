import { expect, test } from "vitest";
import { customBucketsSchema, type NativeHistogram } from "../model/index.ts";
import { valueJson } from "./value-json.ts";

const exponential: NativeHistogram = {
  counterResetHint: "unknown",
  schema: 0,
  zeroThreshold: 0.001,
  zeroCount: 2,
  count: 9,
  sum: 12.5,
  positive: { indexes: [0, 1, 3], counts: [1, 0, 3] },
  negative: { indexes: [1], counts: [3] },
  customValues: [],
};
const custom: NativeHistogram = {
  ...exponential,
  schema: customBucketsSchema,
  zeroThreshold: 0,
  zeroCount: 0,
  count: 3,
  positive: { indexes: [0, 1, 2], counts: [1, 1, 1] },
  negative: { indexes: [], counts: [] },
  customValues: [1, 5],
};

const parsed = (text: string): unknown => JSON.parse(text);

test("a histogram's buckets come with what their ends are, without empty ones", () => {
  const samples = [exponential, custom].map((histogram) => ({
    labels: ["__name__", "h"],
    timestampMs: 1_500,
    value: 0,
    histogram,
  }));
  expect(parsed(valueJson({ kind: "vector", samples }, 0))).toEqual({
    resultType: "vector",
    result: [
      {
        metric: { __name__: "h" },
        histogram: [
          1.5,
          {
            count: "9",
            sum: "12.5",
            buckets: [
              [1, "-2", "-1", "3"],
              [3, "-0.001", "0.001", "2"],
              [0, "0.5", "1", "1"],
              [0, "4", "8", "3"],
            ],
          },
        ],
      },
      {
        metric: { __name__: "h" },
        histogram: [
          1.5,
          {
            count: "3",
            sum: "12.5",
            buckets: [
              [3, "-Inf", "1", "1"],
              [0, "1", "5", "1"],
              [0, "5", "+Inf", "1"],
            ],
          },
        ],
      },
    ],
  });
});

test("floats and histograms of one series are two lists", () => {
  const empty = {
    ...exponential,
    count: 0,
    sum: 0,
    zeroCount: 0,
    positive: custom.negative,
    negative: custom.negative,
  };
  const series = [
    {
      labels: [],
      timestampsMs: Float64Array.of(0, 1_000),
      values: Float64Array.of(7, 0),
      histograms: [undefined, empty],
    },
    {
      labels: ["a", "b"],
      timestampsMs: Float64Array.of(1_000),
      values: Float64Array.of(0),
      histograms: [empty],
    },
  ];
  expect(parsed(valueJson({ kind: "matrix", series }, 0))).toEqual({
    resultType: "matrix",
    result: [
      { metric: {}, values: [[0, "7"]], histograms: [[1, { count: "0", sum: "0" }]] },
      { metric: { a: "b" }, histograms: [[1, { count: "0", sum: "0" }]] },
    ],
  });
});

test("a label called __proto__ stays a label", () => {
  const samples = [{ labels: ["__proto__", "x"], timestampMs: 0, value: 1, histogram: undefined }];
  expect(valueJson({ kind: "vector", samples }, 0)).toBe(
    `{"resultType":"vector","result":[{"metric":{"__proto__":"x"},"value":[0,"1"]}]}`,
  );
});
