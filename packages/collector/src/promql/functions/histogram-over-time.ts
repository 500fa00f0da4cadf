import type { NativeHistogram } from "../../model/index.ts";
import { aggregateHistograms } from "../histogram/aggregate.ts";
import { noteMixedSchemas, noteReconciled } from "../histogram/notes.ts";
import type { Window } from "../window.ts";
import { notePlace } from "./range-notes.ts";

/** sum_over_time or avg_over_time of a window of histograms; undefined, with a note, when they do not go together. */
export function aggregateWindow(window: Window, kind: "sum" | "avg"): NativeHistogram | undefined {
  const aggregated = aggregateHistograms(
    window.series.histograms.slice(window.histogramFrom, window.histogramTo),
    kind,
  );
  const place = notePlace(window);
  if (aggregated.kind === "incompatible") {
    noteMixedSchemas(place);
    return undefined;
  }
  if (aggregated.collides) {
    window.annotations.warn("conflicting counter resets during histogram aggregation", window.span);
  }
  if (aggregated.isReconciled) noteReconciled(place, "aggregation");
  return aggregated.histogram;
}
