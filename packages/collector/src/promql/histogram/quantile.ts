import { allBuckets, type Bucket, type NativeHistogram, usesCustomBuckets } from "../../model/index.ts";
import { shareBelow } from "./trim.ts";

/** What NaN observations, which are in no bucket, did to a result. */
type NaNEffect = "none" | "result is NaN" | "skewed higher" | "excluded";

export interface Estimate {
  readonly value: number;
  readonly effect: NaNEffect;
}

const plainly = (value: number): Estimate => ({ value, effect: "none" });

const countOf = (side: { readonly counts: readonly number[] }): number => side.counts.length;

/** The bucket around zero, ended at zero where only one sign was observed. */
function narrowZero(histogram: NativeHistogram, bucket: Bucket): Bucket {
  const negatives = countOf(histogram.negative);
  const positives = countOf(histogram.positive);
  if (negatives === 0 && positives > 0) return { ...bucket, lower: 0 };
  if (positives === 0 && negatives > 0) return { ...bucket, upper: 0 };
  return bucket;
}

function interpolate(histogram: NativeHistogram, { lower, upper }: Bucket, fraction: number): number {
  if (usesCustomBuckets(histogram) || (lower <= 0 && upper >= 0)) return lower + (upper - lower) * fraction;
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  if (lower > 0) return 2 ** (logLower + (logUpper - logLower) * fraction);
  return -(2 ** (logUpper + (logLower - logUpper) * (1 - fraction)));
}

/**
 * The φ-quantile of a native histogram: within a bucket linear for custom bounds and around zero, else exponential.
 * @see Prometheus 3.14, promql.HistogramQuantile
 */
export function histogramQuantile(q: number, histogram: NativeHistogram): Estimate {
  if (q < 0) return plainly(-Infinity);
  if (q > 1) return plainly(Infinity);
  if (histogram.count === 0 || q !== q) return plainly(Number.NaN);
  const hasNaNSum = histogram.sum !== histogram.sum;
  // From whichever end is nearer; NaN observations count as the highest, so they are walked to from below.
  const isForward = hasNaNSum || q < 0.5;
  const buckets = allBuckets(histogram);
  if (!isForward) buckets.reverse();
  let rank = (isForward ? q : 1 - q) * histogram.count;
  let count = 0;
  let bucket: Bucket = { lower: 0, upper: 0, count: 0 };
  let place = 0;
  while (place < buckets.length) {
    bucket = buckets[place]!;
    place += 1;
    if (bucket.count === 0) continue;
    count += bucket.count;
    if (count >= rank) break;
  }
  if (usesCustomBuckets(histogram)) {
    if (bucket.lower === -Infinity) {
      if (bucket.upper <= 0) return plainly(bucket.upper);
      bucket = { ...bucket, lower: 0 };
    } else if (bucket.upper === Infinity) return plainly(bucket.lower);
  } else if (bucket.lower < 0 && bucket.upper > 0) bucket = narrowZero(histogram, bucket);
  count = Math.min(count, histogram.count);
  if (count < rank) return hasNaNSum ? { value: Number.NaN, effect: "result is NaN" } : plainly(bucket.upper);
  rank = isForward ? rank - (count - bucket.count) : count - rank;
  let effect: NaNEffect = "none";
  if (hasNaNSum) {
    for (; place < buckets.length; place += 1) count += buckets[place]!.count;
    if (count < histogram.count) effect = "skewed higher";
  }
  return { value: interpolate(histogram, bucket, rank / bucket.count), effect };
}

/**
 * The share of observations between two bounds.
 * @see Prometheus 3.14, promql.HistogramFraction
 */
export function histogramFraction(lower: number, upper: number, histogram: NativeHistogram): Estimate {
  if (histogram.count === 0 || lower !== lower || upper !== upper) return plainly(Number.NaN);
  if (lower >= upper) return plainly(0);
  const isCustom = usesCustomBuckets(histogram);
  const buckets = allBuckets(histogram);
  let rank = 0;
  let lowerRank: number | undefined;
  let upperRank: number | undefined;
  for (const original of buckets) {
    const isZero = original.lower <= 0 && original.upper >= 0;
    const bucket = isZero ? narrowZero(histogram, original) : original;
    const rankAt = (value: number): number => {
      const isLinear = isCustom || isZero;
      if (isLinear && bucket.lower === -Infinity) return bucket.count;
      return rank + bucket.count * shareBelow(bucket, value, isLinear);
    };
    if (lowerRank === undefined && bucket.lower >= lower) lowerRank = rank;
    if (upperRank === undefined && bucket.lower >= upper) upperRank = rank;
    if (lowerRank === undefined && bucket.lower < lower && bucket.upper > lower) lowerRank = rankAt(lower);
    if (upperRank === undefined && bucket.lower < upper && bucket.upper > upper) upperRank = rankAt(upper);
    if (lowerRank !== undefined && upperRank !== undefined) break;
    rank += bucket.count;
  }
  let count = histogram.count;
  let effect: NaNEffect = "none";
  if (histogram.sum !== histogram.sum) {
    count = buckets.reduce((total, bucket) => total + bucket.count, 0);
    if (count < histogram.count) effect = "excluded";
  }
  const from = Math.min(lowerRank ?? count, count);
  const to = Math.min(upperRank ?? count, count);
  return { value: (to - from) / histogram.count, effect };
}

/** The variance around the mean, each bucket standing for one value. */
export function histogramVariance(histogram: NativeHistogram): number {
  const mean = histogram.sum / histogram.count;
  let variance = 0;
  for (const { lower, upper, count } of allBuckets(histogram)) {
    if (count === 0) continue;
    let value = 0;
    if (usesCustomBuckets(histogram)) value = (upper + lower) / 2;
    else if (!(lower <= 0 && upper >= 0)) value = Math.sqrt(upper * lower) * (upper < 0 ? -1 : 1);
    variance += count * (value - mean) ** 2;
  }
  return variance / histogram.count;
}
