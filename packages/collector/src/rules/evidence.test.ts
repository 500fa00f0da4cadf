import { expect, test } from "vitest";
import { labelsFromRecord, type Exemplar, type Queryable } from "../model/index.ts";
import { parseExpression, vectorSelectors } from "../promql/index.ts";
import { createHead } from "../store/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { createFindEvidence } from "./evidence.ts";

const nowMs = 1_750_000_000_000;
const traceId = (id: number) => id.toString(16).padStart(32, "0");
const spanId = "ab".repeat(8);
const exemplar = (id: number, timestampMs: number): Exemplar => ({
  labels: labelsFromRecord({ trace_id: traceId(id), span_id: spanId }),
  value: 1,
  timestampMs,
});

function storeWith(
  series: readonly { labels: Record<string, string>; exemplars: readonly Exemplar[] }[],
): Queryable {
  const clock = { nowMs: () => nowMs, setTimer: () => () => {} };
  const head = createHead({
    retentionMs: 3_600_000,
    seriesMax: 100,
    arenaBytesMax: 2 ** 22,
    clock,
    telemetry: createTelemetry(),
  });
  head.ingest(
    series.map(({ labels, exemplars }) => ({
      labels: labelsFromRecord(labels),
      type: "counter",
      help: "",
      unit: "",
      startTimestampMs: 0,
      samples: [{ timestampMs: nowMs, value: 1 }],
      exemplars: exemplars.toSorted((left, right) => left.timestampMs - right.timestampMs),
    })),
  );
  return head;
}

const find = (queryable: Queryable, expression: string, labels: Record<string, string>) =>
  createFindEvidence(
    { queryable, traceUrl: (id) => `http://collector.example/trace/${id}` },
    vectorSelectors(parseExpression(expression)),
    { atMs: nowMs, ownLabels: new Set(["alertname", "severity"]) },
  )(labelsFromRecord(labels));

const failed = { status_code: "STATUS_CODE_ERROR" };

test("an alert's traces are of its own series: failed spans first, then newest first, each trace once", () => {
  const store = storeWith([
    {
      labels: { __name__: "calls", service: "pay", status_code: "STATUS_CODE_UNSET" },
      exemplars: [exemplar(9, nowMs - 1), exemplar(2, nowMs)],
    },
    {
      labels: { __name__: "calls", service: "pay", ...failed },
      exemplars: [exemplar(1, nowMs - 30), exemplar(2, nowMs - 40), exemplar(3, nowMs - 20)],
    },
    { labels: { __name__: "calls", service: "shop", ...failed }, exemplars: [exemplar(7, nowMs)] },
    { labels: { __name__: "other", service: "pay", ...failed }, exemplars: [exemplar(8, nowMs)] },
  ]);
  const traces = find(store, "sum by (service) (rate(calls[1m])) > 1", {
    alertname: "A",
    severity: "page",
    service: "pay",
  });
  expect(traces.map((trace) => Number.parseInt(trace.traceId, 16))).toEqual([3, 1, 2, 9]);
  expect(traces[0]).toEqual({
    traceId: traceId(3),
    spanId,
    timestampMs: nowMs - 20,
    seriesLabels: { __name__: "calls", service: "pay", ...failed },
    url: `http://collector.example/trace/${traceId(3)}`,
  });
});

test("labels that the rule sets, and labels that the series lacks, exclude no trace", () => {
  const store = storeWith([
    { labels: { __name__: "calls", severity: "low" }, exemplars: [exemplar(1, nowMs)] },
  ]);
  expect(find(store, "calls", { severity: "page", region: "eu" })).toHaveLength(1);
});

test("there are at most five traces, and none older than the range that the rule reads and five minutes", () => {
  const many = Array.from({ length: 8 }, (_, id) => exemplar(id + 1, nowMs - id));
  expect(find(storeWith([{ labels: { __name__: "calls" }, exemplars: many }]), "calls", {})).toHaveLength(5);
  const old = storeWith([{ labels: { __name__: "calls" }, exemplars: [exemplar(1, nowMs - 400_000)] }]);
  expect(find(old, "calls", {})).toEqual([]);
  expect(find(old, "rate(calls[10m])", {})).toHaveLength(1);
});
