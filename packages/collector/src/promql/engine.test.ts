import { expect, test } from "vitest";
import { hasCode, setStaleAt, type Queryable, type SeriesSamples, type TimeRange } from "../model/index.ts";
import { evaluateInstant, evaluateRange, type QueryInput } from "./engine.ts";
import { parseExpression } from "./parse.ts";

interface Selection {
  readonly range: TimeRange;
}

/** Series that every selector gets, cut to the range asked for. */
function createQueryable(series: readonly SeriesSamples[]): Queryable & { readonly selections: Selection[] } {
  const selections: Selection[] = [];
  return {
    selections,
    select(_matchers, range) {
      selections.push({ range });
      return series.flatMap(({ labels, timestampsMs, values }) => {
        const inside = [...timestampsMs.keys()].filter(
          (index) => timestampsMs[index]! >= range.startMs && timestampsMs[index]! <= range.endMs,
        );
        if (inside.length === 0) return [];
        const from = inside[0]!;
        const to = inside.at(-1)! + 1;
        return [{ labels, timestampsMs: timestampsMs.subarray(from, to), values: values.subarray(from, to) }];
      });
    },
    series: () => [],
    labelNames: () => [],
    labelValues: () => [],
    exemplars: () => [],
    metadata: () => new Map(),
  };
}

/** A counter that grows by one every ten seconds, at 0 s, 10 s, 20 s … */
function counter(labels: readonly string[], size = 61): SeriesSamples {
  return {
    labels,
    timestampsMs: Float64Array.from({ length: size }, (_value, index) => index * 10_000),
    values: Float64Array.from({ length: size }, (_value, index) => index),
  };
}

const one = [counter(["__name__", "hits_total", "job", "a"])];

function input(text: string, series: readonly SeriesSamples[] = one): QueryInput {
  return { queryable: createQueryable(series), expression: parseExpression(text), nowMs: () => 0 };
}

test("a range query reads each selector once, and only the samples that its steps can see", () => {
  const queryable = createQueryable(one);
  const expression = parseExpression("rate(hits_total[1m]) / sum_over_time(hits_total[2m:30s] offset 1m)");
  evaluateRange({ queryable, expression, startMs: 300_000, endMs: 600_000, stepMs: 15_000, nowMs: () => 0 });
  expect(queryable.selections.map(({ range }) => range)).toEqual([
    { startMs: 240_001, endMs: 600_000 },
    // The first point of the grid after 120 s, less the lookback.
    { startMs: 150_000 - 299_999, endMs: 540_000 },
  ]);
});

test("an instant query and the step of a range query at the same time agree", () => {
  for (const text of [
    "hits_total",
    "rate(hits_total[1m])",
    "sum(hits_total) by (job)",
    "hits_total > 40",
    "-hits_total",
  ]) {
    const { value } = evaluateInstant({ ...input(text), timestampMs: 500_000 });
    const range = evaluateRange({ ...input(text), startMs: 400_000, endMs: 600_000, stepMs: 50_000 });
    const [series] = range.value.series;
    const place = series!.timestampsMs.indexOf(500_000);
    expect(value).toEqual({
      kind: "vector",
      samples: [
        { labels: series!.labels, timestampMs: 500_000, value: series!.values[place], histogram: undefined },
      ],
    });
  }
});

test("a staleness marker ends a series at once, told by its bits", () => {
  const series = counter(["__name__", "hits_total"], 4);
  setStaleAt(series.values, 2);
  const { value } = evaluateRange({
    ...input("hits_total", [series]),
    startMs: 0,
    endMs: 30_000,
    stepMs: 10_000,
  });
  expect([...value.series[0]!.timestampsMs]).toEqual([0, 10_000, 30_000]);
});

test("a series without steps left out shares the grid, one with gaps has its own times", () => {
  const gap = counter(["__name__", "hits_total", "job", "b"], 2);
  const { value } = evaluateRange({
    ...input("hits_total", [...one, gap]),
    startMs: 0,
    endMs: 600_000,
    stepMs: 300_000,
  });
  expect(value.series.map(({ timestampsMs }) => [...timestampsMs])).toEqual([
    [0, 300_000, 600_000],
    [0, 300_000],
  ]);
});

test("too many samples end the query with a limit error", () => {
  const query = {
    ...input("hits_total"),
    limits: { samplesMax: 10 },
    startMs: 0,
    endMs: 600_000,
    stepMs: 10_000,
  };
  expect(() => evaluateRange(query)).toThrow(
    expect.toSatisfy((error) => hasCode(error, "QUARTET_PROMQL_LIMIT")),
  );
  expect(() => evaluateRange({ ...query, limits: { samplesMax: 1000 } })).not.toThrow();
});

test("a query with more steps than allowed is refused before it reads anything", () => {
  const queryable = createQueryable(one);
  const query = { ...input("hits_total"), queryable, startMs: 0, endMs: 11_000_000, stepMs: 1000 };
  expect(() => evaluateRange(query)).toThrow("exceeded maximum resolution of 11000 points per timeseries");
  expect(queryable.selections).toEqual([]);
});

test("too many series of one selector end the query", () => {
  const many = Array.from({ length: 5 }, (_value, index) =>
    counter(["__name__", "hits_total", "i", String(index)]),
  );
  const query = { ...input("hits_total", many), limits: { seriesMax: 4 }, timestampMs: 0 };
  expect(() => evaluateInstant(query)).toThrow("query selects 5 series, more than the limit of 4");
});

test("a client that left ends the query at its next checkpoint", () => {
  const query = { ...input("hits_total"), signal: { aborted: true }, timestampMs: 0 };
  expect(() => evaluateInstant(query)).toThrow(
    expect.toSatisfy((error) => hasCode(error, "QUARTET_PROMQL_CANCELLED")),
  );
});

test("a query over its time ends with a limit error", () => {
  let nowMs = 0;
  const many = Array.from({ length: 200 }, (_value, index) =>
    counter(["__name__", "hits_total", "i", String(index)]),
  );
  const query = {
    ...input("hits_total", many),
    nowMs: () => (nowMs += 1000),
    limits: { timeoutMs: 1500 },
    timestampMs: 0,
  };
  expect(() => evaluateInstant(query)).toThrow("query timed out in expression evaluation");
});

test("names are dropped at once unless the engine is told to keep them to the end", () => {
  const text = 'label_replace(rate(hits_total[1m]), "was", "$1", "__name__", "(.*)")';
  const labelsOf = (delayedNameRemoval: boolean): unknown => {
    const { value } = evaluateInstant({ ...input(text), timestampMs: 600_000, delayedNameRemoval });
    return value.kind === "vector" ? value.samples[0]!.labels : value;
  };
  expect(labelsOf(false)).toEqual(["job", "a"]);
  expect(labelsOf(true)).toEqual(["job", "a", "was", "hits_total"]);
});

test("series that are equal without their names are refused, even with values at different steps", () => {
  const whole = counter(["__name__", "b_total", "job", "a"]);
  const half = (name: string, from: number, to: number): SeriesSamples => ({
    labels: ["__name__", name, "job", "a"],
    timestampsMs: whole.timestampsMs.slice(from, to),
    values: whole.values.slice(from, to),
  });
  const series = [half("a_total", 0, 20), half("b_total", 40, 61)];
  const range = { startMs: 0, endMs: 900_000, stepMs: 60_000 };
  const rate = input('rate({__name__=~".*_total"}[1m])', series);
  for (const query of [rate, input('-{__name__=~".*_total"}', series)]) {
    expect(() => evaluateRange({ ...query, lookbackMs: 30_000, ...range })).toThrow(
      "vector cannot contain metrics with the same labelset",
    );
  }
  // With names kept to the end they meet there, where only the same step is too much.
  expect(evaluateRange({ ...rate, ...range, delayedNameRemoval: true }).value.series).toHaveLength(1);
});

test("annotations carry their place in the query, once for all series and steps", () => {
  const gauges = [counter(["__name__", "speed", "job", "a"]), counter(["__name__", "speed", "job", "b"])];
  const { annotations } = evaluateRange({
    ...input("sum(\n rate(speed[1m]))", gauges),
    startMs: 300_000,
    endMs: 600_000,
    stepMs: 60_000,
  });
  expect(annotations.infos).toEqual([
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "speed" (2:7)',
  ]);
  expect(annotations.warnings).toEqual([]);
});

test("a range query takes numbers and instant vectors only", () => {
  for (const text of ["hits_total[1m]", '"text"']) {
    expect(() => evaluateRange({ ...input(text), startMs: 0, endMs: 1, stepMs: 1 })).toThrow(
      "for range query, must be Scalar or instant Vector",
    );
  }
});
