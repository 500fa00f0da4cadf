import {
  type Bucket,
  compactHistogram,
  type HistogramBuckets,
  type NativeHistogram,
  negativeBuckets,
  positiveBuckets,
  usesCustomBuckets,
  zeroBucket,
} from "../../model/index.ts";

/** Where in a bucket a value lies, as a share of its width: linear or, for exponential buckets, on a logarithmic scale. */
export function shareBelow({ lower, upper }: Bucket, value: number, isLinear: boolean): number {
  if (isLinear) return (value - lower) / (upper - lower);
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  const logValue = Math.log2(Math.abs(value));
  if (value > 0) return (logValue - logLower) / (logUpper - logLower);
  return 1 - (logValue - logUpper) / (logLower - logUpper);
}

interface Part {
  readonly count: number;
  /** A value that stands for the observations that stay. */
  readonly middle: number;
}

const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;

const finiteOrZero = (value: number): number => (isInfinite(value) ? 0 : value);

function middleOf(lower: number, upper: number, isPositive: boolean, isLinear: boolean): number {
  if (isInfinite(lower)) {
    if (isInfinite(upper)) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (isInfinite(upper)) return lower;
  if (isLinear) return (lower + upper) / 2;
  const middle = Math.sqrt(Math.abs(lower * upper));
  return isPositive ? middle : -middle;
}

/** What stays of a bucket without a lower or an upper end; only custom buckets have none. */
function trimOpen({ lower, upper, count }: Bucket, value: number, side: "above" | "below"): Part {
  if (lower === -Infinity) {
    if (side === "above") {
      if (value >= upper) return { count, middle: 0 };
      if (value > 0 && upper > 0 && upper !== Infinity)
        return { count: (count * value) / upper, middle: value / 2 };
      if (upper <= 0) return { count, middle: value };
      return { count: 0, middle: finiteOrZero(upper) };
    }
    if (value <= lower) return { count, middle: 0 };
    if (value >= 0 && upper > value && upper !== Infinity) {
      return { count: count * (1 - value / upper), middle: (value + upper) / 2 };
    }
    return { count: 0, middle: finiteOrZero(upper) };
  }
  if (side === "below" && value >= lower) return { count, middle: value };
  return { count: 0, middle: finiteOrZero(lower) };
}

interface TrimContext {
  readonly value: number;
  readonly side: "above" | "below";
  readonly isPositive: boolean;
  readonly isLinear: boolean;
}

function trimBucket(bucket: Bucket, { value, side, isPositive, isLinear }: TrimContext): Part {
  const { lower, upper, count } = bucket;
  const staysWhole = side === "above" ? upper <= value : lower >= value;
  if (staysWhole) return { count, middle: middleOf(lower, upper, isPositive, isLinear) };
  const isCut = side === "above" ? lower < value : upper > value;
  if (!isCut) return { count: 0, middle: 0 };
  if (lower === -Infinity || upper === Infinity) return trimOpen(bucket, value, side);
  const below = value <= lower ? 0 : value >= upper ? count : count * shareBelow(bucket, value, isLinear);
  return side === "above"
    ? { count: below, middle: middleOf(lower, value, isPositive, isLinear) }
    : { count: count - below, middle: middleOf(value, upper, isPositive, isLinear) };
}

function trimZero(bucket: Bucket, value: number, side: "above" | "below"): Part {
  const { lower, upper, count } = bucket;
  const whole = { count, middle: (lower + upper) / 2 };
  const nothing = { count: 0, middle: 0 };
  if (value <= lower) return side === "above" ? nothing : whole;
  if (value >= upper) return side === "above" ? whole : nothing;
  return side === "above"
    ? { count: (count * (value - lower)) / (upper - lower), middle: (lower + value) / 2 }
    : { count: (count * (upper - value)) / (upper - lower), middle: (value + upper) / 2 };
}

/** The histogram without its observations above (`</`) or below (`>/`) a value; count and sum are estimated anew. */
export function trimHistogram(
  histogram: NativeHistogram,
  value: number,
  side: "above" | "below",
): NativeHistogram {
  const isLinear = usesCustomBuckets(histogram);
  let count = 0;
  let sum = 0;
  let isTrimmed = false;
  const take = (part: Part, before: number): number => {
    count += part.count;
    if (part.count !== 0) sum += part.middle * part.count;
    isTrimmed ||= part.count !== before;
    return part.count;
  };
  const trimSide = (
    side_: HistogramBuckets,
    buckets: readonly Bucket[],
    isPositive: boolean,
  ): HistogramBuckets => ({
    indexes: side_.indexes,
    counts: buckets.map((bucket) => {
      if (bucket.count === 0) return 0;
      return take(trimBucket(bucket, { value, side, isPositive, isLinear }), bucket.count);
    }),
  });
  const positive = trimSide(histogram.positive, positiveBuckets(histogram), true);
  const negative = trimSide(histogram.negative, negativeBuckets(histogram), false);
  let { zeroCount } = histogram;
  if (zeroCount > 0) {
    const hasPositive = histogram.positive.counts.some((bucketCount) => bucketCount !== 0);
    const hasNegative = histogram.negative.counts.some((bucketCount) => bucketCount !== 0);
    const bucket = zeroBucket(histogram);
    // Where only one sign was observed, zero is the end of the zero bucket on the other side.
    const lower = hasPositive && !hasNegative ? 0 : bucket.lower;
    const upper = hasNegative && !hasPositive ? 0 : bucket.upper;
    zeroCount = take(trimZero({ ...bucket, lower, upper }, value, side), zeroCount);
  }
  if (!isTrimmed) return histogram;
  return compactHistogram({ ...histogram, zeroCount, count, sum, positive, negative });
}
