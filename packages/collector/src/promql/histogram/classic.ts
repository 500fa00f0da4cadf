/** Cumulative buckets of a classic histogram, ascending by their upper bounds. */
export interface ClassicBuckets {
  readonly bounds: Float64Array;
  readonly counts: Float64Array;
}

/** What had to be mended so that counts never fall from one bucket to the next. */
export interface MonotonicityMend {
  readonly bucketMin: number;
  readonly bucketMax: number;
  readonly differenceMax: number;
}

// Differences this small, relative to both counts, are taken for floating point noise.
const tolerance = 1e-12;

function isAlmost(left: number, right: number): boolean {
  if (left === right || (left !== left && right !== right)) return true;
  const sum = Math.abs(left) + Math.abs(right);
  const difference = Math.abs(left - right);
  const smallestNormal = 2.2250738585072014e-308;
  if (left === 0 || right === 0 || sum < smallestNormal) return difference < tolerance * smallestNormal;
  return difference / Math.min(sum, Number.MAX_VALUE) < tolerance;
}

/** Buckets with equal bounds as one, in place; gives how many are left. */
function coalesce({ bounds, counts }: ClassicBuckets, size: number): number {
  let last = 0;
  for (let index = 1; index < size; index += 1) {
    if (bounds[index] === bounds[last]) counts[last]! += counts[index]!;
    else {
      last += 1;
      bounds[last] = bounds[index]!;
      counts[last] = counts[index]!;
    }
  }
  return last + 1;
}

function mend({ bounds, counts }: ClassicBuckets, size: number): MonotonicityMend | undefined {
  let bucketMin = Infinity;
  let bucketMax = -Infinity;
  let differenceMax = 0;
  let previous = counts[0]!;
  for (let index = 1; index < size; index += 1) {
    const current = counts[index]!;
    if (current === previous) continue;
    if (isAlmost(previous, current)) counts[index] = previous;
    else if (current < previous) {
      counts[index] = previous;
      bucketMin = Math.min(bucketMin, bounds[index]!);
      bucketMax = Math.max(bucketMax, bounds[index]!);
      differenceMax = Math.max(differenceMax, previous - current);
    } else previous = current;
  }
  return bucketMax === -Infinity && bucketMin === Infinity
    ? undefined
    : { bucketMin, bucketMax, differenceMax };
}

/**
 * The φ-quantile of a classic histogram, linear within a bucket. Changes the counts it is given.
 * NaN without an +Inf bucket, with fewer than two buckets, or without observations.
 * @see Prometheus 3.14, promql.BucketQuantile
 */
export function classicQuantile(
  q: number,
  buckets: ClassicBuckets,
): { readonly value: number; readonly mend: MonotonicityMend | undefined } {
  const { bounds, counts } = buckets;
  const without = (value: number): { value: number; mend: undefined } => ({ value, mend: undefined });
  if (q !== q) return without(Number.NaN);
  if (q < 0) return without(-Infinity);
  if (q > 1) return without(Infinity);
  if (bounds[bounds.length - 1] !== Infinity) return without(Number.NaN);
  const size = coalesce(buckets, bounds.length);
  const mended = mend(buckets, size);
  const observations = counts[size - 1]!;
  if (size < 2 || observations === 0) return { value: Number.NaN, mend: mended };
  const rank = q * observations;
  let bucket = 0;
  while (bucket < size - 1 && !(counts[bucket]! >= rank)) bucket += 1;
  return { value: valueAt(buckets, size, bucket, rank), mend: mended };
}

function valueAt({ bounds, counts }: ClassicBuckets, size: number, bucket: number, rank: number): number {
  if (bucket === size - 1) return bounds[size - 2]!;
  if (bucket === 0 && bounds[0]! <= 0) return bounds[0]!;
  const start = bucket === 0 ? 0 : bounds[bucket - 1]!;
  const below = bucket === 0 ? 0 : counts[bucket - 1]!;
  return start + (bounds[bucket]! - start) * ((rank - below) / (counts[bucket]! - below));
}

/** The share of observations between two bounds in a classic histogram. Changes the counts it is given. */
export function classicFraction(lower: number, upper: number, buckets: ClassicBuckets): number {
  const { bounds, counts } = buckets;
  if (bounds[bounds.length - 1] !== Infinity) return Number.NaN;
  const size = coalesce(buckets, bounds.length);
  const total = counts[size - 1]!;
  if (total === 0 || lower !== lower || upper !== upper) return Number.NaN;
  if (lower >= upper) return 0;
  let rank = 0;
  let lowerRank: number | undefined;
  let upperRank: number | undefined;
  let start = bounds[0]! <= 0 ? -Infinity : 0;
  for (let index = 0; index < size; index += 1) {
    if (index > 0) start = bounds[index - 1]!;
    const end = bounds[index]!;
    const count = counts[index]!;
    const from = start;
    const rankAt = (value: number): number =>
      from === -Infinity ? count : rank + ((count - rank) * (value - from)) / (end - from);
    if (lowerRank === undefined && start >= lower) lowerRank = rank;
    if (upperRank === undefined && start >= upper) upperRank = rank;
    if (lowerRank === undefined && start < lower && end > lower) lowerRank = rankAt(lower);
    if (upperRank === undefined && start < upper && end > upper) upperRank = rankAt(upper);
    if (lowerRank !== undefined && upperRank !== undefined) break;
    rank = count;
  }
  return (Math.min(upperRank ?? total, total) - Math.min(lowerRank ?? total, total)) / total;
}
