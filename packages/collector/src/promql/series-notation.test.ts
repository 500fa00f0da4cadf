import { expect, test } from "vitest";
import { parseSeriesNotation } from "./series-notation.ts";

const float = (value: number): unknown => ({ kind: "float", value });

test("a row of samples is written with steps, repetitions, gaps and staleness", () => {
  expect(parseSeriesNotation('up{job="a"} 1 2+3x2 _x2 4x1 stale -1-1x1 _ NaN')).toEqual({
    labels: ["__name__", "up", "job", "a"],
    samples: [
      float(1),
      float(2),
      float(5),
      float(8),
      { kind: "omitted" },
      { kind: "omitted" },
      float(4),
      float(4),
      { kind: "stale" },
      float(-1),
      float(-2),
      { kind: "omitted" },
      float(Number.NaN),
    ],
  });
});

test("names outside the old alphabet stand in quotes inside the braces", () => {
  expect(parseSeriesNotation('{"http.requests", "service.name"="x"} 1').labels).toEqual([
    "__name__",
    "http.requests",
    "service.name",
    "x",
  ]);
});

test("a histogram says its buckets from an offset on", () => {
  const { samples } = parseSeriesNotation(
    "h {{schema:1 count:4 sum:5 z_bucket:1 z_bucket_w:0.5 offset:2 buckets:[1 2] n_buckets:[3] counter_reset_hint:gauge}}x1",
  );
  expect(samples).toHaveLength(2);
  expect(samples[1]).toEqual({
    kind: "histogram",
    hasHint: true,
    histogram: {
      counterResetHint: "gauge",
      schema: 1,
      zeroThreshold: 0.5,
      zeroCount: 1,
      count: 4,
      sum: 5,
      positive: { indexes: [2, 3], counts: [1, 2] },
      negative: { indexes: [0], counts: [3] },
      customValues: [],
    },
  });
});

test.each([
  ["up 1 two", '1:6: parse error: unexpected "two" in series values'],
  ["up 1+2", '1:4: parse error: unexpected "1+2" in series values'],
  ["h {{cuont:1}}", '1:3: parse error: bad histogram descriptor found: "cuont:1"'],
  ["h {{count:1 count:2}}", '1:3: parse error: duplicate key "count" in histogram'],
  ['up{job="a" 1', "1:12: parse error: unexpected character inside braces: '1'"],
])("%j is refused at its place", (text, message) => {
  expect(() => parseSeriesNotation(text)).toThrow(message);
});
