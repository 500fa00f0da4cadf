import type { HistogramBuckets, NativeHistogram } from "./histogram.ts";

/** Whether two lists of custom bounds are the same. */
export function boundsMatch(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((bound, place) => bound === right[place]);
}

/** The bounds that both lists have, ascending. */
export function commonBounds(left: readonly number[], right: readonly number[]): number[] {
  const known = new Set(right);
  return left.filter((bound) => known.has(bound));
}

/** Index of the bucket, by `bounds`, that a bucket ending at `upper` falls into. */
function placeOf(upper: number, bounds: readonly number[]): number {
  const place = bounds.findIndex((bound) => upper <= bound);
  return place < 0 ? bounds.length : place;
}

/** The counts of a histogram with custom bounds in the buckets of fewer bounds, all of which it has. */
export function onBounds(
  { positive, customValues }: NativeHistogram,
  bounds: readonly number[],
): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [place, index] of positive.indexes.entries()) {
    const target = placeOf(customValues[index] ?? Infinity, bounds);
    counts.set(target, (counts.get(target) ?? 0) + positive.counts[place]!);
  }
  return counts;
}

/** The buckets of both histograms together, on the bounds that they share. */
export function addOnCommonBounds(
  left: NativeHistogram,
  right: NativeHistogram,
  sign: 1 | -1,
  bounds: readonly number[],
): HistogramBuckets {
  const counts = onBounds(left, bounds);
  for (const [index, count] of onBounds(right, bounds))
    counts.set(index, (counts.get(index) ?? 0) + sign * count);
  const indexes = [...counts.keys()].sort((a, b) => a - b);
  return { indexes, counts: indexes.map((index) => counts.get(index)!) };
}
