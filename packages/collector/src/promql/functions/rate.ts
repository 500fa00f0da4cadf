import { type NativeHistogram, scaleHistogram } from "../../model/index.ts";
import { combineNoted } from "../histogram/notes.ts";
import { floatCount, histogramCount, type RangeFunction, type Window } from "../window.ts";
import { extendedHistogramRate } from "./extended-histogram-rate.ts";
import { extendedRate } from "./extended-rate.ts";
import { histogramIncrease } from "./histogram-rate.ts";
import { noteMixed, notePlace, noteOverlap } from "./range-notes.ts";
import { isStartReset, startsOverlap } from "./start-time.ts";

export interface RateKind {
  /** Whether a fall means that the counter began anew. */
  readonly isCounter: boolean;
  readonly isPerSecond: boolean;
}

/** Last minus first, plus what was counted before each reset. */
function floatIncrease(window: Window, isCounter: boolean): number {
  const { floats, floatTimesMs, floatStartsMs } = window.series;
  let increase = floats[window.floatTo - 1]! - floats[window.floatFrom]!;
  if (!isCounter) return increase;
  const hasStarts = floatStartsMs.length > 0;
  let overlaps = false;
  let previous = floats[window.floatFrom]!;
  for (let index = window.floatFrom + 1; index < window.floatTo; index += 1) {
    const current = floats[index]!;
    let isReset = current < previous;
    if (hasStarts) {
      const start = floatStartsMs[index]!;
      const previousStart = floatStartsMs[index - 1]!;
      const previousTime = floatTimesMs[index - 1]!;
      overlaps ||= startsOverlap(previousStart, previousTime, start);
      isReset ||= isStartReset(previousStart, previousTime, start, floatTimesMs[index]!);
    }
    if (isReset) increase += previous;
    previous = current;
  }
  if (overlaps) noteOverlap(window);
  return increase;
}

interface Extent {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly intervals: number;
  /** Value of the first sample: where the counter stood. */
  readonly first: number;
  readonly increase: number;
}

/** How many times the sampled increase fits into the range, when the ends of the range are guessed. */
function extrapolation(window: Window, extent: Extent, isCounter: boolean): number {
  const sampled = (extent.lastMs - extent.firstMs) / 1000;
  const average = sampled / extent.intervals;
  // A sample is missing when the gap to the boundary is over 10 % more than the average gap.
  const threshold = average * 1.1;
  let toStart = (extent.firstMs - window.startMs) / 1000;
  if (toStart >= threshold) toStart = average / 2;
  if (isCounter && extent.increase > 0 && extent.first >= 0) {
    // A counter cannot have been negative: it began at the latest where its line meets zero.
    const toZero = sampled * (extent.first / extent.increase);
    if (toZero < toStart) toStart = toZero;
  }
  return scaleTo(window, extent, sampled, toStart, threshold, average);
}

function scaleTo(
  window: Window,
  extent: Extent,
  sampled: number,
  toStart: number,
  threshold: number,
  average: number,
): number {
  let toEnd = (window.endMs - extent.lastMs) / 1000;
  if (toEnd >= threshold) toEnd = average / 2;
  return sampled === 0 ? 1 : (sampled + toStart + toEnd) / sampled;
}

/** When the first sample's counter began inside the window; undefined when that is not known. */
function startInside(
  window: Window,
  startsMs: Float64Array,
  from: number,
  firstMs: number,
): number | undefined {
  const start = startsMs.length === 0 ? 0 : startsMs[from]!;
  return start !== 0 && start > window.startMs && start < firstMs ? start : undefined;
}

function floatRate(window: Window, { isCounter, isPerSecond }: RateKind): number | undefined {
  const { floats, floatTimesMs, floatStartsMs } = window.series;
  const from = window.floatFrom;
  const intervals = window.floatTo - from - 1;
  const firstMs = floatTimesMs[from]!;
  const lastMs = floatTimesMs[window.floatTo - 1]!;
  const increase = floatIncrease(window, isCounter);
  const perSecond = isPerSecond ? window.rangeMs / 1000 : 1;
  const startMs = isCounter ? startInside(window, floatStartsMs, from, firstMs) : undefined;
  const extent: Extent = { firstMs, lastMs, intervals, first: floats[from]!, increase };
  if (startMs !== undefined) {
    const average = intervals > 0 ? (lastMs - firstMs) / 1000 / intervals : 0;
    const sampled = (lastMs - startMs) / 1000;
    const factor = scaleTo(window, extent, sampled, 0, average * 1.1, average) / perSecond;
    return (increase + floats[from]!) * factor;
  }
  if (intervals === 0) return undefined;
  return increase * (extrapolation(window, extent, isCounter) / perSecond);
}

function histogramRate(window: Window, { isCounter, isPerSecond }: RateKind): NativeHistogram | undefined {
  const { histograms, histogramTimesMs, histogramStartsMs } = window.series;
  const from = window.histogramFrom;
  const intervals = window.histogramTo - from - 1;
  const firstMs = histogramTimesMs[from]!;
  const lastMs = histogramTimesMs[window.histogramTo - 1]!;
  const first = histograms[from]!;
  let increase: NativeHistogram | undefined;
  if (intervals > 0) {
    increase = histogramIncrease(window, isCounter);
    if (increase === undefined) return undefined;
  }
  const perSecond = isPerSecond ? window.rangeMs / 1000 : 1;
  const startMs = isCounter ? startInside(window, histogramStartsMs, from, firstMs) : undefined;
  const extent: Extent = { firstMs, lastMs, intervals, first: first.count, increase: increase?.count ?? 0 };
  if (startMs !== undefined) {
    const total = increase === undefined ? first : combineNoted(increase, first, 1, notePlace(window));
    if (total === undefined) return undefined;
    const average = intervals > 0 ? (lastMs - firstMs) / 1000 / intervals : 0;
    const sampled = (lastMs - startMs) / 1000;
    return scaleHistogram(total, scaleTo(window, extent, sampled, 0, average * 1.1, average) / perSecond);
  }
  if (increase === undefined) return undefined;
  return scaleHistogram(increase, extrapolation(window, extent, isCounter) / perSecond);
}

/** rate, increase and delta: how much the series changed, extrapolated to the whole range. */
export function createRate(kind: RateKind): RangeFunction {
  return (window) => {
    const floats = floatCount(window);
    const histograms = histogramCount(window);
    if (floats > 0 && histograms > 0) {
      noteMixed(window);
      return undefined;
    }
    if (window.extension !== undefined) {
      return histograms > 0 ? extendedHistogramRate(window, kind) : extendedRate(window, kind);
    }
    return histograms > 0 ? histogramRate(window, kind) : floatRate(window, kind);
  };
}
