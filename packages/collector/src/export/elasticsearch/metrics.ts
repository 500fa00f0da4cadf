import type { CounterHandle, Telemetry } from "../../telemetry/index.ts";

/** What only this kind of back end can tell; all of it is among the sent items as well. */
export interface BulkMetrics {
  readonly repeatedItems: CounterHandle;
  readonly possibleDuplicateItems: CounterHandle;
  readonly failureStoreItems: CounterHandle;
}

/** Exporters of one thread share the names. */
const known = new WeakMap<Telemetry, BulkMetrics>();

export function bulkMetrics(telemetry: Telemetry): BulkMetrics {
  let metrics = known.get(telemetry);
  if (metrics === undefined) known.set(telemetry, (metrics = createMetrics(telemetry)));
  return metrics;
}

function createMetrics(telemetry: Telemetry): BulkMetrics {
  const counter = (name: string, help: string): CounterHandle =>
    telemetry.counter({ name: `quartet_export_${name}`, help, labelNames: ["exporter", "signal"] });
  return {
    repeatedItems: counter(
      "repeated_items_total",
      "Sent items that the back end had already from an earlier attempt; it keeps them once.",
    ),
    possibleDuplicateItems: counter(
      "possible_duplicate_items_total",
      "Sent items that the back end may have twice, as it began a new index between two attempts.",
    ),
    failureStoreItems: counter(
      "failure_store_items_total",
      "Sent items that Elasticsearch put into a data stream's failure store.",
    ),
  };
}
