import { CompensatedMean, CompensatedSum } from "../compensated-sum.ts";
import { quantileOf } from "../quantile.ts";
import { floatCount, histogramCount, type RangeFunction, type Window } from "../window.ts";
import { aggregateWindow } from "./histogram-over-time.ts";
import { noteIgnoredHistograms, noteMixed } from "./range-notes.ts";

/** A function of the floats of a window, which has none where there are no floats and notes histograms it leaves out. */
function ofFloats(compute: (window: Window) => number): RangeFunction {
  return (window) => {
    if (floatCount(window) === 0) return undefined;
    if (histogramCount(window) > 0) noteIgnoredHistograms(window);
    return compute(window);
  };
}

/** A function of floats or of histograms, but not of both. */
function ofEither(kind: "sum" | "avg", compute: (window: Window) => number): RangeFunction {
  return (window) => {
    if (floatCount(window) > 0 && histogramCount(window) > 0) {
      noteMixed(window);
      return undefined;
    }
    return floatCount(window) > 0 ? compute(window) : aggregateWindow(window, kind);
  };
}

// The loops of CompensatedSum and CompensatedMean written out: they run for every sample of every step.
function sum({ series, floatFrom, floatTo }: Window): number {
  const { floats } = series;
  let total = 0;
  let compensation = 0;
  for (let index = floatFrom; index < floatTo; index += 1) {
    const value = floats[index]!;
    const next = total + value;
    if (next === Infinity || next === -Infinity) compensation = 0;
    else if (Math.abs(total) >= Math.abs(value)) compensation += total - next + value;
    else compensation += value - next + total;
    total = next;
  }
  return total + compensation;
}

function average(window: Window): number {
  const { series, floatFrom, floatTo } = window;
  const count = floatTo - floatFrom;
  const { floats } = series;
  let total = floats[floatFrom]!;
  let compensation = 0;
  for (let index = floatFrom + 1; index < floatTo; index += 1) {
    const value = floats[index]!;
    const next = total + value;
    if (next === Infinity || next === -Infinity) return carefulAverage(window);
    if (Math.abs(total) >= Math.abs(value)) compensation += total - next + value;
    else compensation += value - next + total;
    total = next;
  }
  return total / count + compensation / count;
}

function carefulAverage({ series, floatFrom, floatTo }: Window): number {
  const mean = new CompensatedMean(series.floats[floatFrom]!);
  for (let index = floatFrom + 1; index < floatTo; index += 1) mean.add(series.floats[index]!);
  return mean.mean();
}

function variance({ series, floatFrom, floatTo }: Window): number {
  let count = 0;
  const mean = new CompensatedSum();
  const squares = new CompensatedSum();
  for (let index = floatFrom; index < floatTo; index += 1) {
    const value = series.floats[index]!;
    count += 1;
    const delta = value - mean.total();
    mean.add(delta / count);
    squares.add(delta * (value - mean.total()));
  }
  return squares.total() / count;
}

/** The index of the extreme value; NaN yields to any number. */
function extreme(window: Window, beats: (value: number, best: number) => boolean): number {
  const { floats } = window.series;
  let best = window.floatFrom;
  for (let index = best; index < window.floatTo; index += 1) {
    const value = floats[best]!;
    if (beats(floats[index]!, value) || value !== value) best = index;
  }
  return best;
}

const secondsOf = (window: Window, index: number): number => window.series.floatTimesMs[index]! / 1000;

function medianDeviation({ series, floatFrom, floatTo }: Window): number {
  const values = series.floats.slice(floatFrom, floatTo);
  if (values.some((value) => value !== value)) return Number.NaN;
  const median = quantileOf(0.5, values);
  return quantileOf(
    0.5,
    values.map((value) => Math.abs(value - median)),
  );
}

const quantileOverTime: RangeFunction = (window) => {
  if (floatCount(window) === 0) return undefined;
  const q = window.parameters[0]!;
  if (!(q >= 0 && q <= 1)) noteInvalidQuantile(window, q);
  if (histogramCount(window) > 0) noteIgnoredHistograms(window);
  return quantileOf(q, window.series.floats.slice(window.floatFrom, window.floatTo));
};

function noteInvalidQuantile(window: Window, q: number): void {
  window.annotations.warn(invalidQuantile(q), window.firstSpan);
}

/** The warning about a quantile outside 0 to 1. */
export function invalidQuantile(q: number): string {
  const shown = Number.isFinite(q) ? String(q) : Number.isNaN(q) ? "NaN" : q > 0 ? "+Inf" : "-Inf";
  return `quantile value should be between 0 and 1, got ${shown}`;
}

/** The oldest or the newest sample of the window, whatever it is. */
function edge(which: "first" | "last"): RangeFunction {
  return ({ series, floatFrom, floatTo, histogramFrom, histogramTo }) => {
    const floatAt = which === "first" ? floatFrom : floatTo - 1;
    const histogramAt = which === "first" ? histogramFrom : histogramTo - 1;
    if (histogramTo === histogramFrom) return series.floats[floatAt];
    if (floatTo === floatFrom) return series.histograms[histogramAt];
    const isFloatOlder = series.floatTimesMs[floatAt]! < series.histogramTimesMs[histogramAt]!;
    return isFloatOlder === (which === "first") ? series.floats[floatAt] : series.histograms[histogramAt];
  };
}

function edgeTime(which: "first" | "last"): RangeFunction {
  return (window) => {
    const { series, floatFrom, floatTo, histogramFrom, histogramTo } = window;
    const times: number[] = [];
    if (floatTo > floatFrom) times.push(series.floatTimesMs[which === "first" ? floatFrom : floatTo - 1]!);
    if (histogramTo > histogramFrom) {
      times.push(series.histogramTimesMs[which === "first" ? histogramFrom : histogramTo - 1]!);
    }
    return (which === "first" ? Math.min(...times) : Math.max(...times)) / 1000;
  };
}

/** Functions that sum a range up into one value, by name. */
export const overTimeFunctions: Readonly<Record<string, RangeFunction>> = {
  sum_over_time: ofEither("sum", sum),
  avg_over_time: ofEither("avg", average),
  count_over_time: (window) => floatCount(window) + histogramCount(window),
  present_over_time: () => 1,
  absent_over_time: () => 1,
  min_over_time: ofFloats((window) => window.series.floats[extreme(window, (value, best) => value < best)]!),
  max_over_time: ofFloats((window) => window.series.floats[extreme(window, (value, best) => value > best)]!),
  ts_of_min_over_time: ofFloats((window) =>
    secondsOf(
      window,
      extreme(window, (value, best) => value <= best),
    ),
  ),
  ts_of_max_over_time: ofFloats((window) =>
    secondsOf(
      window,
      extreme(window, (value, best) => value >= best),
    ),
  ),
  ts_of_first_over_time: edgeTime("first"),
  ts_of_last_over_time: edgeTime("last"),
  first_over_time: edge("first"),
  last_over_time: edge("last"),
  stdvar_over_time: ofFloats(variance),
  stddev_over_time: ofFloats((window) => Math.sqrt(variance(window))),
  mad_over_time: ofFloats(medianDeviation),
  quantile_over_time: quantileOverTime,
};
