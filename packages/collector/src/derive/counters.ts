import {
  labelsFromRecord,
  metricNameLabel,
  severityTexts,
  type JournalRecord,
  type Stream,
} from "../model/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import { createInterner, type InternerState } from "./interner.ts";
import { createLogReader } from "./log-reader.ts";
import { createMetricReader } from "./metric-reader.ts";
import { createPushedMetrics, type PushedMetricsState } from "./pushed-metrics.ts";
import { createRedCounters, type RedState } from "./red.ts";
import type { SeriesTable } from "./series-table.ts";
import { createServiceCounters, type ServiceCountersState } from "./service-counters.ts";
import { createServiceGraph, type ServiceGraphState } from "./service-graph.ts";
import { createResourceSources, createSources, type SourcesState } from "./sources.ts";
import { createSpanPairs, type SpanPairsState } from "./span-pairs.ts";
import { createSpanReader } from "./span-reader.ts";
import type { Counters } from "./timeline.ts";

/** Everything that records are counted into, with its state. */
export interface DerivedCounters extends Counters {
  refreshWatched(): void;
  /** A copy may be taken by structured clone at once; parts of it go on changing. */
  snapshot(): CountersState;
  /** Into empty counters, before anything is counted. */
  restore(state: CountersState): void;
}

export interface CountersState {
  readonly services: InternerState;
  readonly spanNames: InternerState;
  readonly sweptMs: number;
  readonly red: RedState;
  readonly late: ServiceCountersState;
  readonly logs: ServiceCountersState;
  readonly pairs: SpanPairsState;
  readonly graph: ServiceGraphState;
  readonly sources: SourcesState;
  readonly pushed: PushedMetricsState;
}

const sweepIntervalMs = 15_000;
/** How long one side of a request waits for the other: the flush interval of an SDK's span processor is 5 s. */
const pairWaitMs = 15_000;
const pairsMax = 65_536;

export function createCounters({
  table,
  servicesMax,
  spanNamesMax,
  expireAfterMs,
  telemetry,
  log,
  quarantine,
}: {
  readonly table: SeriesTable;
  readonly servicesMax: number;
  readonly spanNamesMax: number;
  readonly expireAfterMs: number;
  readonly telemetry: Telemetry;
  readonly log: Log;
  readonly quarantine: (stream: Stream, record: JournalRecord, error: unknown) => void;
}): DerivedCounters {
  const itemsTotal = telemetry.counter({
    name: "quartet_derive_items_total",
    help: "Spans, log records and data points in the records that were counted.",
    labelNames: ["stream"],
  });
  const skippedTotal = telemetry.counter({
    name: "quartet_derive_skipped_items_total",
    help: "Spans, log records and data points that no series was made of, by reason.",
    labelNames: ["stream", "reason"],
  });
  const unpairedTotal = telemetry.counter({
    name: "quartet_derive_unpaired_spans_total",
    help: "Sides of requests whose other side did not come in time, or for which there was no room.",
    labelNames: ["reason"],
  });
  // A labelled counter costs about a microsecond: items are added up here and handed over once a record.
  const skipped = new Map<string, number>();
  const unpaired = { expired: 0, evicted: 0 };
  let counting: Stream = "spans";
  const skip = (reason: string, count = 1) => skipped.set(reason, (skipped.get(reason) ?? 0) + count);

  function report(): void {
    for (const [reason, count] of skipped) skippedTotal.add({ stream: counting, reason }, count);
    skipped.clear();
    for (const reason of ["expired", "evicted"] as const) {
      if (unpaired[reason] > 0) unpairedTotal.add({ reason }, unpaired[reason]);
      unpaired[reason] = 0;
    }
  }

  const services = createInterner({ entriesMax: servicesMax });
  const spanNames = createInterner({ entriesMax: spanNamesMax });
  const red = createRedCounters({ table, services, names: spanNames });
  const named = (name: string, more: Readonly<Record<string, string>> | undefined) =>
    labelsFromRecord({ ...(more ?? { otel_metric_overflow: "true" }), [metricNameLabel]: name });
  const late = createServiceCounters({
    table,
    services,
    family: {
      type: "counter",
      help: "Spans that ended over five minutes before they were received.",
      unit: "",
    },
    variantCount: 1,
    labels: (of) => named("traces_span_metrics_late_total", of && { service_name: of.service }),
  });
  const logs = createServiceCounters({
    table,
    services,
    family: { type: "counter", help: "Log records by service and severity.", unit: "" },
    variantCount: severityTexts.length,
    labels: (of) =>
      named("log_records_total", of && { service_name: of.service, severity: severityTexts[of.variant]! }),
  });
  const pairs = createSpanPairs({ slotsMax: pairsMax, dropped: (reason) => (unpaired[reason] += 1) });
  const graph = createServiceGraph({ table, services });
  const sources = createSources({ table });
  const pushed = createPushedMetrics({ table, skipped: (reason) => skip(reason) });
  sources.onSilent((source) => pushed.endSource(source));
  const resources = createResourceSources({ sources, services });
  const readSpans = createSpanReader({ services, red, late, pairs, graph, sources: resources, skip });
  const readLogs = createLogReader({ services, logs, sources: resources, skip });
  const readMetrics = createMetricReader({ pushed, sources });

  let sweptMs = -Infinity;
  let hasFailed = false;

  function read(stream: Stream, payload: Uint8Array, receivedAtMs: number): void {
    switch (stream) {
      case "spans":
        return readSpans(payload, receivedAtMs);
      case "logs":
        return readLogs(payload, receivedAtMs);
      case "metrics":
        return readMetrics(payload, receivedAtMs);
      case "series":
        throw new TypeError("series are not derived from series");
    }
  }

  return {
    count(stream: Stream, record: JournalRecord) {
      const { payload, itemCount, position, receivedAtMs } = record;
      counting = stream;
      try {
        read(stream, payload, receivedAtMs);
      } catch (error) {
        // What was counted of the record stays: a replay comes to the same.
        skip("unreadable_record", itemCount);
        quarantine(stream, record, error);
        if (!hasFailed) log.error("a record could not be counted; it is skipped", { position, error });
        hasFailed = true;
      }
      itemsTotal.add({ stream }, itemCount);
      report();
    },
    flush() {
      red.flush();
      graph.flush();
    },
    closeGrid(gridMs, resumedMs) {
      sources.closeGrid(gridMs, resumedMs);
      if (gridMs < sweptMs + sweepIntervalMs) return;
      sweptMs = gridMs;
      const cutoffMs = gridMs - expireAfterMs;
      for (const counters of [red, late, logs, graph, pushed, sources]) counters.sweep(cutoffMs);
      pairs.expire(gridMs - pairWaitMs);
      report();
      // Numbers are given out again only when every counter and pair that has them is gone.
      services.sweep(cutoffMs - pairWaitMs - 2 * sweepIntervalMs);
      spanNames.sweep(cutoffMs);
    },
    refreshWatched() {
      table.refreshWatched();
      red.refreshWatched();
      graph.refreshWatched();
    },
    snapshot: () => ({
      services: services.snapshot(),
      spanNames: spanNames.snapshot(),
      sweptMs,
      red: red.snapshot(),
      late: late.snapshot(),
      logs: logs.snapshot(),
      pairs: pairs.snapshot(),
      graph: graph.snapshot(),
      sources: sources.snapshot(),
      pushed: pushed.snapshot(),
    }),
    restore(state) {
      services.restore(state.services);
      spanNames.restore(state.spanNames);
      sweptMs = state.sweptMs;
      red.restore(state.red);
      late.restore(state.late);
      logs.restore(state.logs);
      pairs.restore(state.pairs);
      graph.restore(state.graph);
      sources.restore(state.sources);
      pushed.restore(state.pushed);
    },
  };
}
