import {
  compactHistogram,
  divideHistogram,
  type NativeHistogram,
  scaleHistogram,
  usesCustomBuckets,
} from "../../model/index.ts";
import { combineNoted, noteMixedSchemas, type NotePlace } from "../histogram/notes.ts";
import { isHistogramReset } from "../histogram/reset.ts";
import type { Window } from "../window.ts";
import { firstPassing } from "./extended-rate.ts";
import { noteNotCounter, noteNotGauge, notePlace } from "./range-notes.ts";
import type { RateKind } from "./rate.ts";

interface Timed {
  readonly timeMs: number;
  readonly histogram: NativeHistogram;
}

/**
 * The histogram between two samples on the line that joins them; a counter that began anew is taken to have begun at 0.
 * Undefined, with a note, when the two do not go together.
 */
export function interpolateHistograms(
  left: Timed,
  right: Timed,
  timeMs: number,
  isCounter: boolean,
  place: NotePlace,
): NativeHistogram | undefined {
  if (timeMs === left.timeMs) return left.histogram;
  if (timeMs === right.timeMs) return right.histogram;
  const fraction = (timeMs - left.timeMs) / (right.timeMs - left.timeMs);
  if (isCounter && isHistogramReset(right.histogram, left.histogram))
    return scaleHistogram(right.histogram, fraction);
  const change = combineNoted(right.histogram, left.histogram, -1, place);
  return change === undefined
    ? undefined
    : combineNoted(scaleHistogram(change, fraction), left.histogram, 1, place);
}

/** What was counted before the resets between the samples `first` and `last`, whose values at the ends are given. */
function resetCorrection(
  window: Window,
  {
    first,
    last,
    left,
    right,
  }: { first: number; last: number; left: NativeHistogram; right: NativeHistogram },
): { readonly correction: NativeHistogram | undefined } | undefined {
  const { histograms, histogramTimesMs } = window.series;
  let from = first + 1;
  let previous = left;
  const spansReset =
    window.extension === "smoothed" &&
    histogramTimesMs[first]! < window.startMs &&
    isHistogramReset(histograms[first + 1]!, histograms[first]!);
  // The interpolation at the start has dealt with the reset that it spans.
  if (spansReset) {
    previous = histograms[first + 1]!;
    from += 1;
  }
  if (from > last) return { correction: undefined };
  let correction: NativeHistogram | undefined;
  for (const current of [...histograms.slice(from, last), right]) {
    if (isHistogramReset(current, previous)) {
      correction =
        correction === undefined ? previous : combineNoted(correction, previous, 1, notePlace(window));
      if (correction === undefined) return undefined;
    }
    previous = current;
  }
  return { correction };
}

function isValid(window: Window, first: number, last: number, isCounter: boolean): boolean {
  const { histograms } = window.series;
  const isCustom = usesCustomBuckets(histograms[first]!);
  for (let index = first; index <= last; index += 1) {
    if (usesCustomBuckets(histograms[index]!) !== isCustom) {
      noteMixedSchemas(notePlace(window));
      return false;
    }
    if (isCounter && histograms[index]!.counterResetHint === "gauge") noteNotCounter(window);
  }
  return true;
}

/** rate, increase and delta of histograms in a range that reaches exactly from its start to its end. */
export function extendedHistogramRate(
  window: Window,
  { isCounter, isPerSecond }: RateKind,
): NativeHistogram | undefined {
  const { histograms, histogramTimesMs: times } = window.series;
  const isSmoothed = window.extension === "smoothed";
  const from = window.histogramFrom;
  const place = notePlace(window);
  let last = window.histogramTo - 1;
  const afterStart = firstPassing(from, last, (index) => times[index]! > window.startMs);
  const first = Math.max(from, afterStart - 1);
  if (isSmoothed) last = firstPassing(from, last, (index) => times[index]! >= window.endMs);
  if (times[last]! <= window.startMs || (isSmoothed && times[first]! > window.endMs)) return undefined;
  if (!isValid(window, first, last, isCounter)) return undefined;
  const at = (index: number): Timed => ({ timeMs: times[index]!, histogram: histograms[index]! });
  const left =
    isSmoothed && times[first]! < window.startMs
      ? interpolateHistograms(at(first), at(first + 1), window.startMs, isCounter, place)
      : histograms[first]!;
  if (left === undefined) return undefined;
  const right =
    isSmoothed && last > from && times[last]! > window.endMs
      ? interpolateHistograms(at(last - 1), at(last), window.endMs, isCounter, place)
      : histograms[last]!;
  if (right === undefined) return undefined;
  if (!isCounter && (left.counterResetHint !== "gauge" || right.counterResetHint !== "gauge"))
    noteNotGauge(window);
  let result = combineNoted(right, left, -1, place);
  if (result === undefined) return undefined;
  if (isCounter) {
    const corrected = resetCorrection(window, { first, last, left, right });
    if (corrected === undefined) return undefined;
    if (corrected.correction !== undefined) result = combineNoted(result, corrected.correction, 1, place);
    if (result === undefined) return undefined;
  }
  if (isPerSecond) result = divideHistogram(result, window.rangeMs / 1000);
  return compactHistogram({ ...result, counterResetHint: "gauge" });
}
