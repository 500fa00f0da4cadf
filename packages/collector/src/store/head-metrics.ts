import type { Labels } from "../model/index.ts";
import type { Telemetry } from "../telemetry/index.ts";
import { limitedName, type LimitReason } from "./cardinality.ts";
import type { RefusalReason } from "./head-writer.ts";

/** Whoever passes a limit must not do so here as well: what comes after so many names is counted without one. */
const limitedNamesMax = 100;

/** What the head tells of itself. */
export interface HeadMetrics {
  stored(count: number): void;
  refused(reason: RefusalReason, count: number): void;
  exemplarRefused(reason: string): void;
  /** Samples of a new series for which there was no room. */
  limited(reason: LimitReason, labels: Labels, count: number): void;
}

export function createHeadMetrics(
  telemetry: Telemetry,
  read: { readonly series: () => number; readonly sizeBytes: () => number },
): HeadMetrics {
  const storedTotal = telemetry.counter({
    name: "quartet_store_samples_total",
    help: "Samples taken into the head of the store.",
  });
  const refusedTotal = telemetry.counter({
    name: "quartet_store_refused_samples_total",
    help: "Samples that the head of the store refused, by reason.",
    labelNames: ["reason"],
  });
  const limitedTotal = telemetry.counter({
    name: "quartet_store_limited_samples_total",
    help: "Samples of new series that were refused by a limit of series, by the metric or source that passed it.",
    labelNames: ["reason", "name"],
  });
  const refusedExemplarsTotal = telemetry.counter({
    name: "quartet_store_refused_exemplars_total",
    help: "Exemplars that the head of the store refused, by reason.",
    labelNames: ["reason"],
  });
  telemetry.observedGauge({ name: "quartet_store_series", help: "Series in the head of the store." }, (set) =>
    set(read.series()),
  );
  telemetry.observedGauge(
    {
      name: "quartet_store_size_bytes",
      help: "Memory that samples and exemplars take in the head of the store.",
    },
    (set) => set(read.sizeBytes()),
  );
  const names = new Set<string>();
  return {
    stored: (count) => storedTotal.add({}, count),
    refused: (reason, count) => refusedTotal.add({ reason }, count),
    exemplarRefused: (reason) => refusedExemplarsTotal.add({ reason }),
    limited(reason, labels, count) {
      const name = limitedName(reason, labels);
      if (names.size < limitedNamesMax) names.add(name);
      limitedTotal.add({ reason, name: names.has(name) ? name : "" }, count);
    },
  };
}
