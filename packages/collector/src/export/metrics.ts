import type { Lag, Signal } from "../model/index.ts";
import type { CounterHandle, HistogramHandle, Telemetry } from "../telemetry/index.ts";
import type { PauseReason } from "./outcome.ts";

interface Gauges {
  readonly lag: Lag;
  readonly pausedBecause: PauseReason | undefined;
}

/**
 * What one thread's exporters tell. For each exporter and signal, over the life of the process:
 * recovered + appended to the journal = sent + rejected + dead_letter + dropped + queued (in items).
 */
export interface ExportMetrics {
  readonly sentItems: CounterHandle;
  readonly sentBytes: CounterHandle;
  readonly rejectedItems: CounterHandle;
  readonly deadLetterItems: CounterHandle;
  readonly droppedItems: CounterHandle;
  readonly recoveredItems: CounterHandle;
  readonly requests: CounterHandle;
  readonly requestSeconds: HistogramHandle;
  readonly failures: CounterHandle;
  /** Shown at each scrape until the returned function is called. */
  addGauges(exporter: string, signal: Signal, read: () => Gauges): () => void;
}

/** Exporters of one thread share the names. */
const known = new WeakMap<Telemetry, ExportMetrics>();

export function exportMetrics(telemetry: Telemetry): ExportMetrics {
  let metrics = known.get(telemetry);
  if (metrics === undefined) known.set(telemetry, (metrics = createMetrics(telemetry)));
  return metrics;
}

function createMetrics(telemetry: Telemetry): ExportMetrics {
  const labelNames = ["exporter", "signal"];
  const counter = (name: string, help: string, ...more: string[]): CounterHandle =>
    telemetry.counter({ name: `quartet_export_${name}`, help, labelNames: [...labelNames, ...more] });
  const shown = new Set<{ exporter: string; signal: Signal; read: () => Gauges }>();

  const lagGauge = (name: string, unit: keyof Lag, help: string): void =>
    telemetry.observedGauge({ name: `quartet_export_${name}`, help, labelNames }, (set) => {
      for (const { exporter, signal, read } of shown) set(read().lag[unit], { exporter, signal });
    });
  lagGauge(
    "queued_items",
    "items",
    "Spans, log records, data points or samples in the journal that are not yet settled.",
  );
  lagGauge("lag_records", "records", "Records in the journal that are not yet settled.");
  lagGauge("lag_bytes", "bytes", "Payload bytes in the journal that are not yet settled.");
  lagGauge("lag_seconds", "seconds", "Age of the oldest record that is not yet settled.");
  telemetry.observedGauge(
    {
      name: "quartet_export_paused",
      help: "1 while the back end cannot be used until somebody mends the cause; nothing is dropped meanwhile.",
      labelNames: [...labelNames, "reason"],
    },
    (set) => {
      for (const { exporter, signal, read } of shown) {
        const { pausedBecause } = read();
        set(pausedBecause === undefined ? 0 : 1, { exporter, signal, reason: pausedBecause ?? "" });
      }
    },
  );
  return {
    sentItems: counter("sent_items_total", "Items that the back end accepted."),
    sentBytes: counter("sent_bytes_total", "Bytes of accepted requests before compression."),
    rejectedItems: counter("rejected_items_total", "Items that the back end rejected in a partial success."),
    deadLetterItems: counter(
      "dead_letter_items_total",
      "Items of records put into the dead letters.",
      "reason",
    ),
    droppedItems: counter("dropped_items_total", "Items that were given up.", "reason"),
    recoveredItems: counter("recovered_items_total", "Items that waited in the journal at the start."),
    requests: counter("requests_total", "Requests by outcome.", "outcome"),
    requestSeconds: telemetry.histogram({
      name: "quartet_export_request_duration_seconds",
      help: "Time of one request.",
      labelNames,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    }),
    failures: counter("failures_total", "Failed operations on the local disk.", "operation"),
    addGauges(exporter, signal, read) {
      const entry = { exporter, signal, read };
      shown.add(entry);
      return () => void shown.delete(entry);
    },
  };
}
