import type { CounterResetHint, HistogramBuckets, NativeHistogram } from "./histogram.ts";
import { exponentialBound, negativeBuckets, positiveBuckets, usesCustomBuckets } from "./histogram-bounds.ts";
import { addOnCommonBounds, boundsMatch, commonBounds } from "./histogram-custom-bounds.ts";

export const noBuckets: HistogramBuckets = { indexes: [], counts: [] };

/** The histogram before anything was observed. */
export function emptiedHistogram(histogram: NativeHistogram): NativeHistogram {
  return { ...histogram, zeroCount: 0, count: 0, sum: 0, positive: noBuckets, negative: noBuckets };
}

/** The histogram without buckets that count nothing. */
export function compactHistogram(histogram: NativeHistogram): NativeHistogram {
  return {
    ...histogram,
    positive: compactSide(histogram.positive),
    negative: compactSide(histogram.negative),
  };
}

function compactSide(side: HistogramBuckets): HistogramBuckets {
  if (!side.counts.includes(0)) return side;
  const kept = side.counts.flatMap((count, place) => (count === 0 ? [] : [place]));
  return {
    indexes: kept.map((place) => side.indexes[place]!),
    counts: kept.map((place) => side.counts[place]!),
  };
}

const mapCounts = (side: HistogramBuckets, change: (count: number) => number): HistogramBuckets => ({
  indexes: side.indexes,
  counts: side.counts.map(change),
});

/** Every count and the sum times a factor; a negative one makes a gauge of it. */
export function scaleHistogram(histogram: NativeHistogram, factor: number): NativeHistogram {
  const scale = (count: number): number => count * factor;
  return changeAll(histogram, scale, factor < 0);
}

/** Every count and the sum divided; by zero, no bucket is left. */
export function divideHistogram(histogram: NativeHistogram, divisor: number): NativeHistogram {
  const divided = changeAll(histogram, (count) => count / divisor, divisor < 0);
  return divisor === 0 ? { ...divided, positive: noBuckets, negative: noBuckets } : divided;
}

function changeAll(
  histogram: NativeHistogram,
  change: (count: number) => number,
  becomesGauge: boolean,
): NativeHistogram {
  return {
    ...histogram,
    zeroCount: change(histogram.zeroCount),
    count: change(histogram.count),
    sum: change(histogram.sum),
    positive: mapCounts(histogram.positive, change),
    negative: mapCounts(histogram.negative, change),
    counterResetHint: becomesGauge ? "gauge" : histogram.counterResetHint,
  };
}

/** Buckets at a lower resolution. */
export function reduceSide(side: HistogramBuckets, schema: number, target: number): HistogramBuckets {
  if (schema === target) return side;
  const indexes: number[] = [];
  const counts: number[] = [];
  for (const [place, index] of side.indexes.entries()) {
    const reduced = Math.floor((index - 1) / 2 ** (schema - target)) + 1;
    if (indexes.at(-1) === reduced) counts[counts.length - 1]! += side.counts[place]!;
    else {
      indexes.push(reduced);
      counts.push(side.counts[place]!);
    }
  }
  return { indexes, counts };
}

/** The histogram in a schema of lower resolution. */
export function toSchema(histogram: NativeHistogram, schema: number): NativeHistogram {
  if (histogram.schema === schema) return histogram;
  return {
    ...histogram,
    schema,
    positive: reduceSide(histogram.positive, histogram.schema, schema),
    negative: reduceSide(histogram.negative, histogram.schema, schema),
  };
}

/** The counts of both, those of `right` times `sign`; buckets of `right` that `skips` says are left out. */
function mergeSides(
  left: HistogramBuckets,
  right: HistogramBuckets,
  sign: 1 | -1,
  skips: (index: number) => boolean,
): HistogramBuckets {
  const indexes: number[] = [];
  const counts: number[] = [];
  let l = 0;
  let r = 0;
  while (r < right.indexes.length && skips(right.indexes[r]!)) r += 1;
  while (l < left.indexes.length || r < right.indexes.length) {
    const leftIndex = left.indexes[l] ?? Infinity;
    const rightIndex = right.indexes[r] ?? Infinity;
    indexes.push(Math.min(leftIndex, rightIndex));
    let count = 0;
    if (leftIndex <= rightIndex) count = left.counts[l++]!;
    if (rightIndex <= leftIndex) count += sign * right.counts[r++]!;
    counts.push(count);
  }
  return { indexes, counts };
}

/** Count and threshold of the zero bucket when it is widened to at least `threshold`, to the next bound of a filled bucket. */
export function widerZeroBucket(
  histogram: NativeHistogram,
  wanted: number,
): { readonly count: number; readonly threshold: number } {
  let threshold = wanted;
  if (threshold === histogram.zeroThreshold) return { count: histogram.zeroCount, threshold };
  for (;;) {
    let count = histogram.zeroCount;
    let isWidened = false;
    for (const bucket of positiveBuckets(histogram)) {
      if (bucket.lower >= threshold) break;
      count += bucket.count;
      if (bucket.upper <= threshold) continue;
      if (bucket.count !== 0) threshold = bucket.upper;
      break;
    }
    for (const bucket of negativeBuckets(histogram)) {
      if (bucket.upper <= -threshold) break;
      count += bucket.count;
      if (bucket.lower >= -threshold) continue;
      if (bucket.count !== 0) {
        threshold = -bucket.lower;
        isWidened = true;
      }
      break;
    }
    if (!isWidened) return { count, threshold };
  }
}

function withZeroBucket(
  histogram: NativeHistogram,
  { count, threshold }: { readonly count: number; readonly threshold: number },
): NativeHistogram {
  const outside = (side: HistogramBuckets): HistogramBuckets => {
    const kept = side.indexes.flatMap((index, place) =>
      exponentialBound(index - 1, histogram.schema) >= threshold && side.counts[place] !== 0 ? [place] : [],
    );
    return {
      indexes: kept.map((place) => side.indexes[place]!),
      counts: kept.map((place) => side.counts[place]!),
    };
  };
  return {
    ...histogram,
    zeroThreshold: threshold,
    zeroCount: count,
    positive: outside(histogram.positive),
    negative: outside(histogram.negative),
  };
}

/** Brings the zero buckets of two histograms to one width. */
function withEqualZero(
  left: NativeHistogram,
  right: NativeHistogram,
): { readonly left: NativeHistogram; readonly rightZeroCount: number } {
  let widened = left;
  let rightZero = { count: right.zeroCount, threshold: right.zeroThreshold };
  while (rightZero.threshold !== widened.zeroThreshold) {
    if (widened.zeroThreshold > rightZero.threshold)
      rightZero = widerZeroBucket(right, widened.zeroThreshold);
    if (rightZero.threshold > widened.zeroThreshold) {
      widened = withZeroBucket(widened, widerZeroBucket(widened, rightZero.threshold));
    }
  }
  return { left: widened, rightZeroCount: rightZero.count };
}

function combinedHint(left: CounterResetHint, right: CounterResetHint): CounterResetHint {
  if (left === right) return left;
  return left === "gauge" || right === "gauge" ? "gauge" : "unknown";
}

/** Whether one says "reset" and the other "not reset", so that nothing can be said of both together. */
export function hintsCollide(left: CounterResetHint, right: CounterResetHint): boolean {
  return (left === "reset" && right === "not_reset") || (left === "not_reset" && right === "reset");
}

export type Combined =
  | { readonly kind: "combined"; readonly histogram: NativeHistogram; readonly isReconciled: boolean }
  /** Exponential and custom buckets cannot be brought together. */
  | { readonly kind: "incompatible" };

/** `left` plus or minus `right`, at the lower of both resolutions; custom bounds that differ are cut to the common ones. */
export function combineHistograms(left: NativeHistogram, right: NativeHistogram, sign: 1 | -1): Combined {
  if (usesCustomBuckets(left) !== usesCustomBuckets(right)) return { kind: "incompatible" };
  const counterResetHint = combinedHint(left.counterResetHint, right.counterResetHint);
  const count = left.count + sign * right.count;
  const sum = left.sum + sign * right.sum;
  if (usesCustomBuckets(left)) {
    const isReconciled = !boundsMatch(left.customValues, right.customValues);
    const customValues = isReconciled
      ? commonBounds(left.customValues, right.customValues)
      : left.customValues;
    const positive = isReconciled
      ? addOnCommonBounds(left, right, sign, customValues)
      : mergeSides(left.positive, right.positive, sign, () => false);
    return {
      kind: "combined",
      histogram: { ...left, counterResetHint, count, sum, customValues, positive },
      isReconciled,
    };
  }
  const zeroed = withEqualZero(left, right);
  const schema = Math.min(left.schema, right.schema);
  const base = toSchema(zeroed.left, schema);
  const other = toSchema(right, schema);
  const isInZero = (index: number): boolean => exponentialBound(index, schema) <= base.zeroThreshold;
  const histogram = {
    ...base,
    counterResetHint,
    zeroCount: base.zeroCount + sign * zeroed.rightZeroCount,
    count,
    sum,
    positive: mergeSides(base.positive, other.positive, sign, isInZero),
    negative: mergeSides(base.negative, other.negative, sign, isInZero),
  };
  return { kind: "combined", histogram, isReconciled: false };
}

function sidesEqual(left: HistogramBuckets, right: HistogramBuckets): boolean {
  const a = compactSide(left);
  const b = compactSide(right);
  return (
    a.indexes.length === b.indexes.length &&
    a.indexes.every(
      (index, place) => index === b.indexes[place] && Object.is(a.counts[place], b.counts[place]),
    )
  );
}

/** Whether two histograms say the same, whatever they hint about resets. */
export function histogramsEqual(left: NativeHistogram, right: NativeHistogram): boolean {
  return (
    left.schema === right.schema &&
    Object.is(left.count, right.count) &&
    Object.is(left.sum, right.sum) &&
    boundsMatch(left.customValues, right.customValues) &&
    left.zeroThreshold === right.zeroThreshold &&
    Object.is(left.zeroCount, right.zeroCount) &&
    sidesEqual(left.positive, right.positive) &&
    sidesEqual(left.negative, right.negative)
  );
}
