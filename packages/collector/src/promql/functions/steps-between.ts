import {
  compactHistogram,
  divideHistogram,
  histogramsEqual,
  type NativeHistogram,
} from "../../model/index.ts";
import { combineNoted } from "../histogram/notes.ts";
import { isHistogramReset } from "../histogram/reset.ts";
import { firstAfter } from "../select.ts";
import type { RangeFunction, Window } from "../window.ts";
import { noteMixed, noteNotCounter, noteNotGauge, notePlace } from "./range-notes.ts";
import { isStartReset } from "./start-time.ts";

interface Sample {
  readonly timeMs: number;
  readonly startMs: number;
  readonly value: number | NativeHistogram;
}

/** The samples of a window from the indexes given, floats and histograms together, by time. */
function samplesFrom(window: Window, floatFrom: number, histogramFrom: number): Sample[] {
  const { series } = window;
  const samples: Sample[] = [];
  let float = floatFrom;
  let histogram = histogramFrom;
  while (float < window.floatTo || histogram < window.histogramTo) {
    const floatMs = float < window.floatTo ? series.floatTimesMs[float]! : Infinity;
    const histogramMs = histogram < window.histogramTo ? series.histogramTimesMs[histogram]! : Infinity;
    if (floatMs < histogramMs) {
      samples.push({
        timeMs: floatMs,
        startMs: series.floatStartsMs[float] ?? 0,
        value: series.floats[float]!,
      });
      float += 1;
    } else {
      const startMs = series.histogramStartsMs[histogram] ?? 0;
      samples.push({ timeMs: histogramMs, startMs, value: series.histograms[histogram]! });
      histogram += 1;
    }
  }
  return samples;
}

/** All samples; in an anchored range, the newest at or before its start and those after it. */
function comparedSamples(window: Window): readonly Sample[] {
  if (window.extension !== "anchored") return samplesFrom(window, window.floatFrom, window.histogramFrom);
  const { floatTimesMs, histogramTimesMs } = window.series;
  const floatAfter = Math.max(window.floatFrom, firstAfter(floatTimesMs, window.startMs));
  const histogramAfter = Math.max(window.histogramFrom, firstAfter(histogramTimesMs, window.startMs));
  if (floatAfter >= window.floatTo && histogramAfter >= window.histogramTo) return [];
  const floatAnchorMs = floatAfter > window.floatFrom ? floatTimesMs[floatAfter - 1]! : -Infinity;
  const histogramAnchorMs =
    histogramAfter > window.histogramFrom ? histogramTimesMs[histogramAfter - 1]! : -Infinity;
  if (floatAnchorMs === -Infinity && histogramAnchorMs === -Infinity) {
    return samplesFrom(window, floatAfter, histogramAfter);
  }
  return floatAnchorMs >= histogramAnchorMs
    ? samplesFrom(window, floatAfter - 1, histogramAfter)
    : samplesFrom(window, floatAfter, histogramAfter - 1);
}

function countBetween(isCounted: (current: Sample, previous: Sample) => boolean): RangeFunction {
  return (window) => {
    const samples = comparedSamples(window);
    if (samples.length === 0) return undefined;
    let count = 0;
    for (let index = 1; index < samples.length; index += 1) {
      if (isCounted(samples[index]!, samples[index - 1]!)) count += 1;
    }
    return count;
  };
}

function isChange({ value }: Sample, previous: Sample): boolean {
  const before = previous.value;
  if (typeof value === "number" && typeof before === "number") {
    return value !== before && !(value !== value && before !== before);
  }
  if (typeof value === "number" || typeof before === "number") return true;
  return !histogramsEqual(value, before);
}

function isReset(current: Sample, previous: Sample): boolean {
  const { value } = current;
  const before = previous.value;
  if ((typeof value === "number") !== (typeof before === "number")) return true;
  if (isStartReset(previous.startMs, previous.timeMs, current.startMs, current.timeMs)) return true;
  if (typeof value === "number" || typeof before === "number") return value < before;
  return isHistogramReset(value, before);
}

/** irate and idelta: the change between the last two samples. */
function instant(isRate: boolean): RangeFunction {
  return (window) => {
    const samples = samplesFrom(
      window,
      Math.max(window.floatFrom, window.floatTo - 2),
      Math.max(window.histogramFrom, window.histogramTo - 2),
    ).slice(-2);
    const [previous, current] = samples;
    if (previous === undefined || current === undefined || current.timeMs === previous.timeMs)
      return undefined;
    const seconds = isRate ? (current.timeMs - previous.timeMs) / 1000 : 1;
    const began = isRate && isStartReset(previous.startMs, previous.timeMs, current.startMs, current.timeMs);
    if (typeof current.value === "number" && typeof previous.value === "number") {
      const isReset = isRate && (began || current.value < previous.value);
      return (isReset ? current.value : current.value - previous.value) / seconds;
    }
    if (typeof current.value === "number" || typeof previous.value === "number") {
      noteMixed(window);
      return undefined;
    }
    const gauges = [current.value, previous.value].filter(
      ({ counterResetHint }) => counterResetHint === "gauge",
    );
    if (isRate && gauges.length > 0) noteNotCounter(window);
    if (!isRate && gauges.length < 2) noteNotGauge(window);
    let change: NativeHistogram | undefined = current.value;
    if (!isRate || !(began || isHistogramReset(current.value, previous.value))) {
      change = combineNoted(current.value, previous.value, -1, notePlace(window));
      if (change === undefined) return undefined;
    }
    const gauge = compactHistogram({ ...change, counterResetHint: "gauge" });
    return isRate ? divideHistogram(gauge, seconds) : gauge;
  };
}

/** Functions that compare neighbouring samples of a range, by name. */
export const neighbourFunctions: Readonly<Record<string, RangeFunction>> = {
  changes: countBetween(isChange),
  resets: countBetween(isReset),
  irate: instant(true),
  idelta: instant(false),
};
