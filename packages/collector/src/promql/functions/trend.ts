import { CompensatedSum } from "../compensated-sum.ts";
import { executionError } from "../execution-error.ts";
import { floatCount, histogramCount, type RangeFunction, type Window } from "../window.ts";
import { noteIgnoredHistograms } from "./range-notes.ts";

interface Line {
  /** Per second. */
  readonly slope: number;
  /** Value at the time asked for. */
  readonly intercept: number;
}

/** The line through the floats with the least squares. */
function regression({ series, floatFrom, floatTo }: Window, interceptMs: number): Line {
  const { floats, floatTimesMs } = series;
  const initial = floats[floatFrom]!;
  const sumX = new CompensatedSum();
  const sumY = new CompensatedSum();
  const sumXY = new CompensatedSum();
  const sumX2 = new CompensatedSum();
  let isConstant = true;
  for (let index = floatFrom; index < floatTo; index += 1) {
    const y = floats[index]!;
    if (index > floatFrom && y !== initial) isConstant = false;
    const x = (floatTimesMs[index]! - interceptMs) / 1000;
    sumX.add(x);
    sumY.add(y);
    sumXY.add(x * y);
    sumX2.add(x * x);
  }
  if (isConstant) {
    if (initial === Infinity || initial === -Infinity) return { slope: Number.NaN, intercept: Number.NaN };
    return { slope: 0, intercept: initial };
  }
  const count = floatTo - floatFrom;
  const x = sumX.total();
  const y = sumY.total();
  const slope = (sumXY.total() - (x * y) / count) / (sumX2.total() - (x * x) / count);
  return { slope, intercept: y / count - (slope * x) / count };
}

/** A function that needs two floats, and notes histograms that it leaves out. */
function ofTwoFloats(compute: (window: Window) => number): RangeFunction {
  return (window) => {
    const floats = floatCount(window);
    if (floats > 0 && histogramCount(window) > 0) noteIgnoredHistograms(window);
    return floats < 2 ? undefined : compute(window);
  };
}

/** Smoothing with a trend (Holt): parameters are the smoothing factor and the trend factor. */
function smooth({ series, floatFrom, floatTo, parameters }: Window): number {
  const { floats } = series;
  const smoothing = parameters[0]!;
  const trendFactor = parameters[1]!;
  let before = 0;
  let smoothed = floats[floatFrom]!;
  let trend = floats[floatFrom + 1]! - smoothed;
  for (let index = floatFrom + 1; index < floatTo; index += 1) {
    if (index > floatFrom + 1) trend = trendFactor * (smoothed - before) + (1 - trendFactor) * trend;
    const next = smoothing * floats[index]! + (1 - smoothing) * (smoothed + trend);
    before = smoothed;
    smoothed = next;
  }
  return smoothed;
}

function checkFactor(value: number, name: string, letters: string): void {
  if (value > 0 && value < 1) return;
  const shown = Number.isFinite(value)
    ? value.toFixed(6)
    : Number.isNaN(value)
      ? "NaN"
      : value > 0
        ? "+Inf"
        : "-Inf";
  // NaN passes in Prometheus, as it is neither below nor above.
  if (Number.isNaN(value)) return;
  throw executionError(`invalid ${name} factor. Expected: 0 < ${letters} < 1, got: ${shown}`);
}

const smoothOfTwo = ofTwoFloats(smooth);

/** Functions that look for a line or a trend in a range, by name. */
export const trendFunctions: Readonly<Record<string, RangeFunction>> = {
  // A time near the samples, as large ones would cost precision.
  deriv: ofTwoFloats((window) => regression(window, window.series.floatTimesMs[window.floatFrom]!).slope),
  predict_linear: ofTwoFloats((window) => {
    const { slope, intercept } = regression(window, window.evaluationMs);
    return slope * window.parameters[0]! + intercept;
  }),
  double_exponential_smoothing: (window) => {
    checkFactor(window.parameters[0]!, "smoothing", "sf");
    checkFactor(window.parameters[1]!, "trend", "tf");
    return smoothOfTwo(window);
  },
};
