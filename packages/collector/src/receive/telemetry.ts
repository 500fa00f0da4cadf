import type { CounterHandle, HistogramHandle, Telemetry } from "../telemetry/index.ts";

/** The receiver's own metrics. */
export interface ReceiveMetrics {
  readonly accepted: CounterHandle;
  readonly oddTimes: CounterHandle;
  readonly refusedItems: CounterHandle;
  readonly refusedRequests: CounterHandle;
  readonly requests: CounterHandle;
  readonly durationSeconds: HistogramHandle;
  readonly cutConnections: CounterHandle;
}

export function createReceiveMetrics(
  telemetry: Telemetry,
  observed: { readonly inFlightBytes: () => number; readonly connections: () => number },
): ReceiveMetrics {
  telemetry.observedGauge(
    {
      name: "quartet_receive_in_flight_bytes",
      help: "Bytes of requests, decompressed, that are not answered yet.",
    },
    (set) => set(observed.inFlightBytes()),
  );
  telemetry.observedGauge(
    { name: "quartet_receive_connections", help: "Open connections of senders." },
    (set) => set(observed.connections()),
  );
  return {
    accepted: telemetry.counter({
      name: "quartet_receive_accepted_items_total",
      help: "Spans, log records and data points that are in the journal, synced.",
      labelNames: ["signal"],
    }),
    oddTimes: telemetry.counter({
      name: "quartet_receive_odd_times_total",
      help: "Accepted items whose times cannot be right, by problem: missing, reversed (a span ends before it starts), future (over 5 minutes after receipt), past (over a day before it). They are kept as they are.",
      labelNames: ["signal", "problem"],
    }),
    refusedItems: telemetry.counter({
      name: "quartet_receive_refused_items_total",
      help: "Spans, log records and data points that were refused, by reason; of requests that could not be read nobody knows them.",
      labelNames: ["signal", "reason"],
    }),
    refusedRequests: telemetry.counter({
      name: "quartet_receive_refused_requests_total",
      help: "Requests that were refused as a whole, by reason.",
      labelNames: ["signal", "reason"],
    }),
    requests: telemetry.counter({
      name: "quartet_receive_requests_total",
      help: "Answered requests, by the HTTP status or the number of the gRPC status.",
      labelNames: ["signal", "protocol", "code"],
    }),
    durationSeconds: telemetry.histogram({
      name: "quartet_receive_duration_seconds",
      help: "From the end of a request's body to its acknowledgement, the sync of the journal included.",
      labelNames: ["signal"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    }),
    cutConnections: telemetry.counter({
      name: "quartet_receive_cut_connections_total",
      help: "Connections that were cut off, by reason: silent, slow, malformed (neither HTTP nor gRPC), refused (but sending on), too_many, handshake (TLS failed), plain (without TLS where it is wanted).",
      labelNames: ["reason"],
    }),
  };
}
