import { afterEach, beforeEach, expect, test } from "vitest";
import { labelsToRecord, labelValue } from "../model/index.ts";
import { encodeRequest } from "../otlp/index.ts";
import { logsBytes, metricsBytes, spansBytes, type TestSpan } from "./otlp-bytes.test-kit.ts";
import { openTestRun, type TestRun } from "./run.test-kit.ts";

/** A grid point; the clock begins just after it. */
const startMs = 1_700_000_000_000;
const shop = { "service.name": "shop", "service.instance.id": "i1" };
const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

let run: TestRun;
beforeEach(async () => {
  run = await openTestRun(startMs + 1);
});
afterEach(() => run.close());

/** A span that took `durationMs` and ended just now. */
function span(durationMs: number, more: Partial<TestSpan> = {}): TestSpan {
  const endNano = BigInt(run.nowMs()) * 1_000_000n;
  const startNano = endNano - BigInt(Math.round(durationMs * 1e6));
  return { traceId, spanId, name: "GET /orders", kind: 2, startNano, endNano, ...more };
}

const receiveSpans = (spans: readonly TestSpan[], resource: Record<string, string> = shop) =>
  run.spans.append(spansBytes(resource, spans), run.nowMs(), spans.length);

const calls = (status = "UNSET") => ({
  __name__: "traces_span_metrics_calls_total",
  service_name: "shop",
  span_name: "GET /orders",
  span_kind: "SPAN_KIND_SERVER",
  status_code: `STATUS_CODE_${status}`,
});
const duration = (part: string, more: Record<string, string> = {}) => ({
  ...calls(),
  ...more,
  __name__: `traces_span_metrics_duration_milliseconds_${part}`,
});

test("spans become calls, buckets, sum and count under the field's own names", async () => {
  await run.start();
  receiveSpans([span(3), span(60), span(20_000), span(2), span(7, { status: 2 })]);
  await run.advance(1_100);
  const grid = startMs + 1_000;
  expect(run.samples(calls())).toEqual([
    [startMs, 0],
    [grid, 4],
  ]);
  expect(run.samples(calls("ERROR"))).toEqual([
    [startMs, 0],
    [grid, 1],
  ]);
  const bucket = (le: string) => run.samples(duration("bucket", { le })).at(-1)?.[1];
  expect(["2", "4", "50", "100", "15000", "+Inf"].map(bucket)).toEqual([1, 2, 2, 3, 3, 4]);
  expect(run.samples(duration("sum")).at(-1)).toEqual([grid, 20_065]);
  expect(run.samples(duration("count")).at(-1)).toEqual([grid, 4]);
});

test("a span that ends before it starts has no duration; one that ended long ago counts apart; one without a service not at all", async () => {
  await run.start();
  const now = BigInt(run.nowMs()) * 1_000_000n;
  receiveSpans([
    span(1, { startNano: now, endNano: now - 5_000_000n }),
    span(1, { endNano: now - 301_000_000_000n }),
  ]);
  receiveSpans([span(1)], { "service.version": "1" });
  await run.advance(1_100);
  expect(run.samples(calls()).at(-1)?.[1]).toBe(1);
  expect(run.samples(duration("sum")).at(-1)?.[1]).toBe(0);
  expect(run.samples({ __name__: "traces_span_metrics_late_total", service_name: "shop" }).at(-1)?.[1]).toBe(
    1,
  );
  expect(await run.counter("quartet_derive_skipped_items_total")).toEqual({ "spans no_service_name": 1 });
  expect(await run.counter("quartet_derive_items_total")).toEqual({ spans: 3 });
});

test("a sampled span counts for as many as it stands for", async () => {
  await run.start();
  receiveSpans([span(10, { tracestate: "a=b,ot=th:c" }), span(10)]);
  await run.advance(1_100);
  expect(run.samples(calls()).at(-1)?.[1]).toBe(5);
  expect(run.samples(duration("sum")).at(-1)?.[1]).toBe(50);
});

test("a watched series appears within a moment of its span, with the trace that made it", async () => {
  await run.start({ isWatched: (labels) => labelValue(labels, "status_code") === "STATUS_CODE_ERROR" });
  await run.advance(200);
  receiveSpans([span(10, { status: 2 }), span(10)]);
  await run.advance(5, 1);
  const at = startMs + 201;
  expect(run.samples(calls("ERROR"))).toEqual([
    [at - 1_000, 0],
    [at, 1],
  ]);
  expect(run.samples(calls())).toEqual([]);
  const [write] = run.written.filter(({ exemplars }) => exemplars.length > 0);
  expect(write?.exemplars).toEqual([
    { labels: ["span_id", spanId, "trace_id", traceId], value: 1, timestampMs: at },
  ]);
  expect(write?.startTimestampMs).toBe(at - 1_000);
});

test("a series carries at most one example per second", async () => {
  await run.start({ isWatched: () => true });
  for (let round = 0; round < 30; round += 1) {
    receiveSpans([span(10)]);
    await run.advance(100);
  }
  const examples = run.written.flatMap(({ exemplars }) => exemplars);
  expect(examples.length).toBeGreaterThanOrEqual(3);
  expect(examples.length).toBeLessThanOrEqual(4);
});

test("log records count by service and severity, by number or else by text", async () => {
  await run.start();
  const logs = [
    { severityNumber: 9 },
    { severityNumber: 17 },
    { severityText: "Warning" },
    { severityText: "??" },
    {},
  ];
  run.logs.append(logsBytes(shop, [...logs, { severityNumber: 18, severityText: "info" }]), run.nowMs(), 6);
  await run.advance(1_100);
  const of = (severity: string) =>
    run.samples({ __name__: "log_records_total", service_name: "shop", severity }).at(-1)?.[1];
  expect(["INFO", "ERROR", "WARN", "UNSPECIFIED", "FATAL"].map(of)).toEqual([1, 2, 1, 2, undefined]);
});

test("pushed metrics become series at grid points, with job, instance and target_info", async () => {
  await run.start();
  const startNano = BigInt(startMs - 2_000) * 1_000_000n;
  const resource = { ...shop, "service.namespace": "eu", "host.name": "h1" };
  const metrics = metricsBytes(resource, [
    { name: "jobs.done", kind: "sum", temporality: 2, isMonotonic: true, points: [{ value: 4, startNano }] },
    { name: "heap", unit: "By", kind: "gauge", points: [{ value: 1.5, attributes: { space: "new" } }] },
    {
      name: "latency",
      unit: "s",
      kind: "histogram",
      temporality: 1,
      points: [{ count: 3, sum: 1.5, bounds: [0.5], counts: [2, 1] }],
    },
  ]);
  run.metrics.append(metrics, run.nowMs(), 3);
  run.metrics.append(metrics, run.nowMs() + 10, 3);
  await run.advance(1_100);
  const grid = startMs + 1_000;
  const identity = { job: "eu/shop", instance: "i1" };
  expect(run.samples({ __name__: "jobs_done_total", ...identity })).toEqual([
    [startMs - 2_000, 0],
    [grid, 4],
  ]);
  expect(run.samples({ __name__: "heap_bytes", space: "new", ...identity })).toEqual([[grid, 1.5]]);
  expect(run.samples({ __name__: "latency_seconds_bucket", le: "0.5", ...identity })).toEqual([
    [startMs, 0],
    [grid, 4],
  ]);
  expect(run.samples({ __name__: "latency_seconds_sum", ...identity }).at(-1)).toEqual([grid, 3]);
  expect(run.samples({ __name__: "target_info", host_name: "h1", ...identity })).toEqual([[grid, 1]]);
});

test("exponential histograms become native ones, whose sums of deltas survive a crash", async () => {
  await run.start();
  const push = (scale: number) => {
    const point = { scale, count: "3", sum: 7, zeroCount: "1", startTimeUnixNano: "1", timeUnixNano: "2" };
    const dataPoints = [{ ...point, positive: { offset: 1, bucketCounts: ["0", "2"] } }];
    const metrics = [
      { name: "took", unit: "s", exponentialHistogram: { aggregationTemporality: 1, dataPoints } },
    ];
    const attributes = [{ key: "service.name", value: { stringValue: "shop" } }];
    const request = { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics }] }] };
    run.metrics.append(encodeRequest("metrics", request), run.nowMs(), 1);
  };
  push(0);
  push(-5);
  await run.advance(1_100);
  expect(await run.counter("quartet_derive_skipped_items_total")).toEqual({ "metrics histogram_scale": 1 });
  await run.derive.snapshot();
  push(0);
  await run.advance(500);
  run.kill();
  await run.start();
  push(0);
  await run.advance(2_100);
  const histograms = run.written
    .filter(({ labels }) => labelsToRecord(labels)["__name__"] === "took_seconds")
    .flatMap((write) => write.histograms ?? []);
  expect(histograms.map(({ timestampMs, histogram }) => [timestampMs - startMs, histogram.count])).toEqual([
    [0, 0],
    [1_000, 3],
    [2_000, 9],
  ]);
  expect(histograms.at(-1)).toMatchObject({
    counts: "integer",
    histogram: { schema: 0, zeroCount: 3, sum: 21, positive: { indexes: [3], counts: [6] } },
  });
});

test("two sides of a request make an edge of the service graph, whichever comes first", async () => {
  await run.start();
  const client = span(30, { kind: 3, status: 2 });
  const server = span(20, { kind: 2, parentSpanId: spanId, spanId: "1111111111111111" });
  receiveSpans([client]);
  await run.advance(500);
  receiveSpans([server], { "service.name": "pay" });
  receiveSpans([{ ...server, traceId: "ff".repeat(16) }], { "service.name": "pay" });
  await run.advance(1_000);
  receiveSpans([{ ...client, traceId: "ff".repeat(16), status: 0 }]);
  await run.advance(1_000);
  const edge = (name: string, more: Record<string, string> = {}) =>
    run
      .samples({ __name__: `traces_service_graph_request_${name}`, client: "shop", server: "pay", ...more })
      .at(-1)?.[1];
  expect(edge("total")).toBe(2);
  expect(edge("failed_total")).toBe(1);
  expect(edge("server_seconds_sum")).toBeCloseTo(0.04, 9);
  expect(edge("client_seconds_sum")).toBeCloseTo(0.06, 9);
  expect(edge("client_seconds_bucket", { le: "0.05" })).toBe(2);
  expect(edge("client_seconds_bucket", { le: "0.01" })).toBe(0);
  expect(edge("server_seconds_count")).toBe(2);
});

test("a source is up while it is heard on any signal", async () => {
  await run.start();
  const up = { __name__: "quartet_source_up", service_name: "shop", service_instance_id: "i1" };
  run.logs.append(logsBytes(shop, [{}]), run.nowMs());
  await run.advance(1_100);
  expect(run.samples(up)).toEqual([[startMs + 1_000, 1]]);
  const silence = metricsBytes(shop, [{ name: "m", kind: "gauge", points: [{ value: 1 }] }]);
  for (let second = 0; second < 10; second += 1) {
    run.metrics.append(silence, run.nowMs());
    await run.advance(1_000, 100);
  }
  await run.advance(5_000, 100);
  expect(run.samples(up).at(-1)?.[1]).toBe(0);
  expect(run.samples({ __name__: "m", job: "shop", instance: "i1" }).at(-1)?.[1]).toBe("stale");
});

test("a series that nothing was received for ends with a staleness marker, and begins anew with a 0", async () => {
  await run.start({ expireAfterMs: 60_000 });
  receiveSpans([span(1), span(1)]);
  await run.advance(90_000, 250);
  const samples = run.samples(calls());
  expect(samples.at(-1)?.[1]).toBe("stale");
  expect(samples.length).toBeLessThan(10);
  receiveSpans([span(1)]);
  await run.advance(1_100);
  const [zero, one] = run.samples(calls()).slice(samples.length);
  expect([zero?.[1], one?.[1]]).toEqual([0, 1]);
  expect(zero?.[0]).toBeGreaterThan(samples.at(-1)![0]);
});

test("beyond the limit of series everything goes to one series a metric", async () => {
  await run.start({ limits: { seriesMax: 50 } });
  receiveSpans(
    Array.from({ length: 10 }, (_, index) => span(1, { name: `GET /${index}`, status: index % 3 })),
  );
  await run.advance(1_100);
  const named = [...run.lastValues()].filter(([labels]) =>
    labels.includes("traces_span_metrics_calls_total"),
  );
  const overflow = JSON.stringify({
    __name__: "traces_span_metrics_calls_total",
    otel_metric_overflow: "true",
  });
  expect(named).toHaveLength(3);
  expect(new Map(named).get(overflow)).toBe(8);
  expect(named.reduce((sum, [, value]) => sum + value, 0)).toBe(10);
});

test("with a damaged snapshot counters begin at 0 again where it stood: the file is moved aside, rates miss nothing", async () => {
  await run.start();
  receiveSpans([span(1), span(1), span(1)]);
  await run.advance(2_100);
  await run.derive.snapshot();
  run.kill();
  await run.damageSnapshot();
  receiveSpans([span(1), span(1)]);
  await run.start();
  await run.advance(2_100);
  const values = run.samples(calls()).map(([, value]) => value);
  // A reset: three before it, then from 0 to the two that came since.
  expect(values.filter((value, index) => value !== values[index - 1])).toEqual([0, 3, 0, 2]);
  expect(run.logged.filter((line) => line.includes("damaged and was moved aside"))).toHaveLength(1);
  expect(await run.counter("quartet_derive_snapshots_damaged_total")).toEqual({ "": 1 });
  await run.derive.snapshot();
  await run.start();
  expect(await run.counter("quartet_derive_snapshots_damaged_total")).toEqual({ "": 0 });
});

test("a record that cannot be read is put aside, counted, logged once and skipped", async () => {
  await run.start();
  for (let time = 0; time < 3; time += 1) {
    run.spans.append(new Uint8Array([0x0a, 0x50, 1]), run.nowMs(), 7);
    run.metrics.append(new Uint8Array([0x0a, 0x50, 1]), run.nowMs(), 2);
  }
  receiveSpans([span(1)]);
  await run.advance(1_100);
  expect(run.samples(calls()).at(-1)?.[1]).toBe(1);
  expect(run.logged).toHaveLength(1);
  expect([...run.quarantined].sort()).toEqual(
    [0, 1, 2].map((offset) => `metrics ${offset}`).concat([0, 1, 2].map((offset) => `spans ${offset}`)),
  );
  expect(await run.counter("quartet_derive_skipped_items_total")).toEqual({
    "spans unreadable_record": 21,
    "metrics unreadable_record": 6,
  });
});

test("the watermark follows the clock while nothing is received, and tells its listeners", async () => {
  await run.start();
  const seen: number[] = [];
  const end = run.derive.onWatermark((watermarkMs) => seen.push(watermarkMs));
  await run.advance(2_500);
  expect(run.derive.watermarkMs()).toBeGreaterThan(run.nowMs() - 50);
  expect(run.derive.watermarkMs()).toBeLessThan(run.nowMs());
  expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  const count = seen.length;
  end();
  await run.advance(500);
  expect(seen).toHaveLength(count);
});

test("while the series stream refuses, the watermark stands still; then everything is written", async () => {
  await run.start();
  await run.advance(1_500);
  run.failAppends(new Error("disk full"));
  receiveSpans([span(1)]);
  await run.advance(3_000);
  expect(run.derive.watermarkMs()).toBeLessThan(startMs + 2_000);
  expect(run.logged).toHaveLength(1);
  run.failAppends(undefined);
  await run.advance(6_000);
  expect(run.derive.watermarkMs()).toBeGreaterThan(run.nowMs() - 50);
  expect(run.samples(calls()).slice(0, 2)).toEqual([
    [startMs + 1_000, 0],
    [startMs + 2_000, 1],
  ]);
});

test("stop leaves a snapshot from which the next start goes on without reading anything again", async () => {
  await run.start();
  receiveSpans([span(5), span(5)]);
  await run.advance(1_100);
  await run.derive.stop();
  await run.derive.stop();
  expect(run.spans.committedOffset).toBe(1);
  await run.start();
  receiveSpans([span(5)]);
  await run.advance(1_100);
  expect(run.samples(calls()).map(([, value]) => value)).toEqual([0, 2, 3]);
  expect(await run.counter("quartet_derive_items_total")).toEqual({ spans: 1 });
});

test("stop without start does nothing", async () => {
  await run.start();
  const other = run.derive;
  await other.stop();
  expect(run.written).toEqual([]);
});
