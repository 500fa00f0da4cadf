import {
  compactHistogram,
  customBucketsSchema,
  type NativeHistogram,
  noBuckets,
  toSchema,
  usesCustomBuckets,
} from "../../model/index.ts";
import { combineNoted, noteMixedSchemas } from "../histogram/notes.ts";
import { isHistogramReset } from "../histogram/reset.ts";
import type { Window } from "../window.ts";
import { notePlace, noteNotCounter, noteNotGauge, noteOverlap } from "./range-notes.ts";
import { isStartReset, startsOverlap } from "./start-time.ts";

function resetAt(window: Window, index: number, previous: NativeHistogram): boolean {
  const { histograms, histogramTimesMs, histogramStartsMs } = window.series;
  const byStart =
    histogramStartsMs.length > 0 &&
    isStartReset(
      histogramStartsMs[index - 1]!,
      histogramTimesMs[index - 1]!,
      histogramStartsMs[index]!,
      histogramTimesMs[index]!,
    );
  return byStart || isHistogramReset(histograms[index]!, previous);
}

/** Last minus first of at least two histograms, plus what was counted before each reset; undefined when they do not go together. */
export function histogramIncrease(window: Window, isCounter: boolean): NativeHistogram | undefined {
  const { histograms, histogramTimesMs, histogramStartsMs } = window.series;
  const from = window.histogramFrom;
  const to = window.histogramTo;
  const last = histograms[to - 1]!;
  const place = notePlace(window);
  let first = histograms[from]!;
  const isGauge = first.counterResetHint === "gauge" || last.counterResetHint === "gauge";
  if (isCounter && isGauge) noteNotCounter(window);
  // After a reset the first sample counts for nothing, and its buckets need not fit.
  if (isCounter && resetAt(window, from + 1, first)) {
    const { schema, customValues } = histograms[from + 1]!;
    first = {
      counterResetHint: "unknown",
      schema,
      zeroThreshold: 0,
      zeroCount: 0,
      count: 0,
      sum: 0,
      positive: noBuckets,
      negative: noBuckets,
      customValues,
    };
  }
  const isCustom = usesCustomBuckets(first);
  let schema = Math.min(last.schema, first.schema);
  let fits = usesCustomBuckets(last) === isCustom;
  const inner = isCounter ? histograms.slice(from + 1, to - 1) : [];
  for (const current of inner) {
    if (current.counterResetHint === "gauge") noteNotCounter(window);
    schema = Math.min(schema, current.schema);
    fits &&= usesCustomBuckets(current) === isCustom;
  }
  if (!fits) {
    noteMixedSchemas(place);
    return undefined;
  }
  let increase = combineNoted(
    schema === customBucketsSchema ? last : toSchema(last, schema),
    first,
    -1,
    place,
  );
  if (increase === undefined) return undefined;
  if (isCounter) {
    let previous = first;
    let overlaps = false;
    for (let index = from + 1; index < to; index += 1) {
      if (histogramStartsMs.length > 0) {
        overlaps ||= startsOverlap(
          histogramStartsMs[index - 1]!,
          histogramTimesMs[index - 1]!,
          histogramStartsMs[index]!,
        );
      }
      if (resetAt(window, index, previous)) {
        increase = combineNoted(increase, previous, 1, place);
        if (increase === undefined) return undefined;
      }
      previous = histograms[index]!;
    }
    if (overlaps) noteOverlap(window);
  } else if (histograms[from]!.counterResetHint !== "gauge" || last.counterResetHint !== "gauge") {
    noteNotGauge(window);
  }
  return compactHistogram({ ...increase, counterResetHint: "gauge" });
}
