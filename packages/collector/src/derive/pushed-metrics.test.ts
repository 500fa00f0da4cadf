import { expect, test } from "vitest";
import { labelsToRecord } from "../model/index.ts";
import type { ExponentialHistogram } from "./exponential.ts";
import { createPushedMetrics } from "./pushed-metrics.ts";
import type { PushedMetric, PushedPoint } from "./pushed-point.ts";
import { createSeriesTable, type SeriesTable } from "./series-table.ts";

function setup({ seriesMax = 100, known = false } = {}) {
  const table = createSeriesTable({
    seriesMax,
    stepMs: 1_000,
    heartbeatSteps: 15,
    isWatched: () => false,
    isKnown: () => known,
  });
  const skips: string[] = [];
  const pushed = createPushedMetrics({ table, skipped: (reason) => skips.push(reason) });
  /** What a grid point writes: `name{labels}` and the values, a staleness marker as "stale". */
  const grid = (gridMs: number) => {
    const lines = table.collectGrid(gridMs).map(({ labels, samples }) => {
      const { __name__: name, ...rest } = labelsToRecord(labels);
      const pairs = Object.entries(rest).map((pair) => pair.join("="));
      const values = samples.map(
        ({ timestampMs, value, isStale }) => `${timestampMs}:${isStale ? "stale" : value}`,
      );
      return `${name}{${pairs.join(",")}} ${values.join(" ")}`;
    });
    return lines.sort();
  };
  return { table, pushed, skips, grid };
}

const source = { service: "shop", instance: "i1", labels: { job: "shop", instance: "i1" } };
const other = { service: "shop", instance: "i2", labels: { job: "shop", instance: "i2" } };
const metric = (name: string, more: Partial<PushedMetric> = {}): PushedMetric => ({
  name,
  unit: "",
  help: "",
  temporality: "cumulative",
  isMonotonic: true,
  ...more,
});
const point = (more: Partial<PushedPoint> = {}): PushedPoint => ({
  attributes: [],
  startMs: 0,
  isGone: false,
  exemplars: [],
  ...more,
});

test("cumulative sums pass through; one that has just begun gets a 0 at its start", () => {
  const { pushed, grid, table } = setup();
  table.recordMs = 100_500;
  pushed.number(source, "sum", metric("hits"), point({ startMs: 90_000 }), 7);
  pushed.number(source, "sum", metric("old"), point({ startMs: 1_000_000 - 9e5 - 86_400_000 }), 70);
  pushed.number(source, "sum", metric("unknown"), point(), 5);
  expect(grid(101_000)).toEqual([
    "hits_total{instance=i1,job=shop} 90000:0 101000:7",
    "old_total{instance=i1,job=shop} 101000:70",
    "unknown_total{instance=i1,job=shop} 101000:5",
  ]);
  pushed.number(source, "sum", metric("hits"), point({ startMs: 90_000 }), 9);
  expect(grid(102_000)).toContain("hits_total{instance=i1,job=shop} 102000:9");
});

test("a counter that is in the store already gets no second 0", () => {
  const { pushed, grid } = setup({ known: true });
  pushed.number(source, "sum", metric("hits"), point({ startMs: 99_000 }), 7);
  expect(grid(101_000)).toEqual(["hits_total{instance=i1,job=shop} 101000:7"]);
});

test("deltas add up, gauges do not, and a sum that may fall is a gauge", () => {
  const { pushed, grid } = setup();
  for (const value of [2, 3]) {
    pushed.number(source, "sum", metric("hits", { temporality: "delta" }), point(), value);
    pushed.number(
      source,
      "sum",
      metric("open", { temporality: "delta", isMonotonic: false }),
      point(),
      -value,
    );
    pushed.number(source, "gauge", metric("heat", { temporality: "delta", unit: "Cel" }), point(), value);
    pushed.number(source, "sum", metric("size", { isMonotonic: false, unit: "By" }), point(), value);
  }
  expect(grid(10_000)).toEqual([
    "heat_celsius{instance=i1,job=shop} 10000:3",
    "hits_total{instance=i1,job=shop} 9000:0 10000:5",
    "open{instance=i1,job=shop} 10000:-5",
    "size_bytes{instance=i1,job=shop} 10000:3",
  ]);
});

test("a histogram becomes cumulative buckets, sum and count, from either temporality", () => {
  for (const temporality of ["cumulative", "delta"] as const) {
    const { pushed, grid } = setup({ known: true });
    const histogram = { count: 6, sum: 12.5, bounds: [0.5, 1], counts: [1, 2, 3] };
    const latency = metric("latency", { unit: "s", temporality });
    pushed.histogram(source, latency, point({ attributes: [["http.route", "/a"]] }), histogram);
    if (temporality === "delta") {
      pushed.histogram(source, latency, point({ attributes: [["http.route", "/a"]] }), {
        ...histogram,
        sum: 1,
      });
    }
    const times = temporality === "delta" ? 2 : 1;
    expect(grid(10_000)).toEqual([
      `latency_seconds_bucket{http_route=/a,instance=i1,job=shop,le=+Inf} 10000:${6 * times}`,
      `latency_seconds_bucket{http_route=/a,instance=i1,job=shop,le=0.5} 10000:${times}`,
      `latency_seconds_bucket{http_route=/a,instance=i1,job=shop,le=1} 10000:${3 * times}`,
      `latency_seconds_count{http_route=/a,instance=i1,job=shop} 10000:${6 * times}`,
      `latency_seconds_sum{http_route=/a,instance=i1,job=shop} 10000:${temporality === "delta" ? 13.5 : 12.5}`,
    ]);
  }
});

test("a summary becomes quantiles, sum and count; the resource becomes target_info", () => {
  const { pushed, grid } = setup();
  pushed.summary(source, metric("rpc"), point(), { count: 2, sum: 3, quantiles: [[0.99, 1.5]] });
  pushed.targetInfo(source, [["k8s.pod.name", "p"]]);
  expect(grid(10_000)).toEqual([
    "rpc_count{instance=i1,job=shop} 10000:2",
    "rpc_sum{instance=i1,job=shop} 10000:3",
    "rpc{instance=i1,job=shop,quantile=0.99} 10000:1.5",
    "target_info{instance=i1,job=shop,k8s_pod_name=p} 10000:1",
  ]);
});

test("attributes that become one label are joined; a label of the resource wins over an attribute", () => {
  const { pushed, grid } = setup();
  const attributes = [
    ["a.b", "2"],
    ["a-b", "1"],
    ["job", "mine"],
    ["__proto__", "x"],
  ] as const;
  pushed.number(source, "gauge", metric("m"), point({ attributes }), 1);
  expect(grid(10_000)).toEqual(["m{__proto__=x,a_b=1;2,instance=i1,job=shop} 10000:1"]);
});

test("what cannot be taken is skipped by reason", () => {
  const { pushed, skips } = setup({ seriesMax: 1 });
  pushed.number(source, "sum", metric("…"), point(), 1);
  pushed.number(source, "sum", metric("hits", { temporality: "unspecified" }), point(), 1);
  pushed.number(source, "gauge", metric("fits"), point(), 1);
  pushed.number(source, "gauge", metric("not"), point(), 1);
  expect(skips).toEqual(["invalid_name", "unspecified_temporality", "series_limit"]);
});

test("deltas beyond the limit add up in one series a metric", () => {
  const { pushed, grid, skips } = setup({ seriesMax: 1 });
  for (const route of ["/a", "/b", "/c"]) {
    const attributes = [["route", route]] as const;
    pushed.number(source, "sum", metric("hits", { temporality: "delta" }), point({ attributes }), 1);
  }
  expect(grid(10_000)).toEqual([
    "hits_total{instance=i1,job=shop,route=/a} 9000:0 10000:1",
    "hits_total{otel_metric_overflow=true} 9000:0 10000:2",
  ]);
  expect(skips).toEqual([]);
});

test("series end with their source, with their sender's word, or when nothing came for long", () => {
  const { pushed, grid, table } = setup();
  table.recordMs = 5_000;
  pushed.number(source, "gauge", metric("a"), point(), 1);
  pushed.number(source, "sum", metric("d", { temporality: "delta" }), point(), 1);
  pushed.number(other, "gauge", metric("b"), point(), 1);
  pushed.number(other, "gauge", metric("c"), point(), 1);
  grid(6_000);
  pushed.endSource(source);
  pushed.number(other, "gauge", metric("c"), point({ isGone: true }), 0);
  pushed.sweep(0);
  expect(grid(7_001)).toEqual(["a{instance=i1,job=shop} 7001:stale", "c{instance=i2,job=shop} 7001:stale"]);
  pushed.sweep(5_001);
  expect(grid(8_001)).toEqual([
    "b{instance=i2,job=shop} 8001:stale",
    "d_total{instance=i1,job=shop} 8001:stale",
  ]);
});

test("a snapshot keeps the sums of deltas", () => {
  const { pushed, grid } = setup({ seriesMax: 1 });
  const delta = metric("hits", { temporality: "delta" });
  const attributes = [["route", "/b"]] as const;
  pushed.number(source, "sum", delta, point(), 4);
  pushed.number(source, "sum", delta, point({ attributes }), 2);
  grid(10_000);
  const second = setup({ seriesMax: 1 });
  second.pushed.restore(structuredClone(pushed.snapshot()));
  second.pushed.number(source, "sum", delta, point(), 1);
  second.pushed.number(source, "sum", delta, point({ attributes }), 1);
  expect(second.grid(11_000)).toEqual([
    "hits_total{instance=i1,job=shop} 11000:5",
    "hits_total{otel_metric_overflow=true} 11000:3",
  ]);
});

const exponential = (counts: readonly number[], more: Partial<ExponentialHistogram> = {}) => ({
  scale: 1,
  count: counts.reduce((sum, count) => sum + count, 0),
  sum: 1,
  zeroCount: 0,
  zeroThreshold: 0,
  positive: { offset: 0, counts },
  negative: { offset: 0, counts: [] },
  ...more,
});
const histogramsOf = (table: SeriesTable, gridMs: number) =>
  table.collectGrid(gridMs).flatMap(({ histograms = [] }) => histograms);

test("deltas of native histograms add up at the lower resolution; cumulative ones pass through", () => {
  const { pushed, table } = setup();
  const took = metric("took", { temporality: "delta" });
  pushed.exponential(source, took, point(), exponential([1, 2, 3]));
  pushed.exponential(source, took, point(), exponential([4], { scale: 0, zeroCount: 0 }));
  pushed.exponential(other, metric("took"), point(), exponential([5]));
  pushed.exponential(other, metric("took"), point(), exponential([6]));
  expect(
    histogramsOf(table, 10_000).map(({ timestampMs, histogram }) => ({ timestampMs, ...histogram })),
  ).toMatchObject([
    { timestampMs: 9_000, count: 0, sum: 0, positive: { indexes: [] } },
    // (1, 2] has 1 + 2 + 4, (2, 4] has 3.
    { timestampMs: 10_000, schema: 0, count: 10, sum: 2, positive: { indexes: [1, 2], counts: [7, 3] } },
    { timestampMs: 10_000, schema: 1, count: 6, positive: { indexes: [1], counts: [6] } },
  ]);
});

test("a native histogram that has not changed waits for its heartbeat, and ends with a staleness marker", () => {
  const { pushed, table } = setup();
  pushed.exponential(source, metric("took"), point(), exponential([5]));
  // The first series writes unasked at every 15th step, this one among them.
  expect(histogramsOf(table, 15_000)).toHaveLength(1);
  pushed.exponential(source, metric("took"), point(), exponential([5]));
  expect(histogramsOf(table, 16_000)).toEqual([]);
  pushed.endSource(source);
  expect(histogramsOf(table, 17_000)).toMatchObject([{ timestampMs: 17_000, isStale: true }]);
});

test("floats and native histograms do not mix in one series", () => {
  const { pushed, skips } = setup();
  pushed.number(source, "gauge", metric("took"), point(), 1);
  pushed.exponential(source, metric("took"), point(), exponential([5]));
  expect(skips).toEqual(["kind_conflict"]);
});

test("a source's new target_info takes the place of the last one", () => {
  const { pushed, grid } = setup();
  pushed.targetInfo(source, [["pod", "a"]]);
  pushed.targetInfo(other, [["pod", "c"]]);
  grid(10_000);
  pushed.targetInfo(source, [["pod", "b"]]);
  pushed.targetInfo(other, [["pod", "c"]]);
  pushed.sweep(0);
  expect(grid(11_001)).toEqual([
    "target_info{instance=i1,job=shop,pod=a} 11001:stale",
    "target_info{instance=i1,job=shop,pod=b} 11001:1",
  ]);
});

test("a pushed exemplar stands at the bucket that its value falls into, the newest first", () => {
  const { pushed, table } = setup();
  const exemplar = (value: number, timestampMs: number) => ({
    labels: ["trace_id", `${value}`],
    value,
    timestampMs,
  });
  const exemplars = [exemplar(0.2, 1), exemplar(0.3, 2), exemplar(7, 3)];
  const histogram = { count: 6, sum: 12.5, bounds: [0.5, 1], counts: [1, 2, 3] };
  pushed.histogram(source, metric("latency"), point({ exemplars }), histogram);
  pushed.exponential(source, metric("took"), point({ exemplars }), exponential([5]));
  pushed.number(source, "sum", metric("hits"), point({ exemplars }), 3);
  pushed.number(source, "gauge", metric("heat"), point({ exemplars }), 3);
  const found = table.collectGrid(10_000).flatMap(({ labels, exemplars: [one] }) => {
    const { __name__: name, le = "" } = labelsToRecord(labels);
    return one === undefined ? [] : [`${name}${le} ${one.value}`];
  });
  expect(found.sort()).toEqual(["hits_total 7", "latency_bucket+Inf 7", "latency_bucket0.5 0.3", "took 7"]);
});
