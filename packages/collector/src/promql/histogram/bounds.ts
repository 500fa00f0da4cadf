import { customBucketsSchema, type NativeHistogram } from "../../model/index.ts";

export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

export const usesCustomBuckets = ({ schema }: NativeHistogram): boolean => schema === customBucketsSchema;

/** Upper bound of bucket `index` above zero in an exponential schema. */
export function exponentialBound(index: number, schema: number): number {
  const bound = schema < 0 ? 2 ** (index * 2 ** -schema) : 2 ** (index / 2 ** schema);
  // The last bucket for ordinary numbers would end at 2^1024; what follows it counts infinities.
  const isLast = index * 2 ** -schema === 1024;
  return isLast ? Number.MAX_VALUE : bound;
}

function customBound(index: number, customValues: readonly number[]): number {
  if (index < 0) return -Infinity;
  return customValues[index] ?? Infinity;
}

/** Bounds of a bucket on the positive side. */
export function positiveBounds(
  { schema, customValues }: NativeHistogram,
  index: number,
): { readonly lower: number; readonly upper: number } {
  if (schema === customBucketsSchema) {
    return { lower: customBound(index - 1, customValues), upper: customBound(index, customValues) };
  }
  return { lower: exponentialBound(index - 1, schema), upper: exponentialBound(index, schema) };
}

/** Buckets on the positive side, ascending, as they are (not cut at the zero bucket). */
export function positiveBuckets(histogram: NativeHistogram): Bucket[] {
  const { indexes, counts } = histogram.positive;
  return indexes.map((index, place) => ({ ...positiveBounds(histogram, index), count: counts[place]! }));
}

/** Buckets on the negative side, from zero downwards. */
export function negativeBuckets(histogram: NativeHistogram): Bucket[] {
  const { indexes, counts } = histogram.negative;
  return indexes.map((index, place) => {
    const { lower, upper } = positiveBounds(histogram, index);
    return { lower: -upper, upper: -lower, count: counts[place]! };
  });
}

/** The bucket around zero. */
export function zeroBucket({ zeroThreshold, zeroCount }: NativeHistogram): Bucket {
  return { lower: -zeroThreshold, upper: zeroThreshold, count: zeroCount };
}

/** All buckets in ascending order; those that reach into the zero bucket are cut at its bound. */
export function allBuckets(histogram: NativeHistogram): Bucket[] {
  const { zeroThreshold, zeroCount } = histogram;
  const cut = (bucket: Bucket): Bucket => {
    const { lower, upper } = bucket;
    if (upper < 0 && upper > -zeroThreshold) return { ...bucket, upper: -zeroThreshold };
    if (lower > 0 && lower < zeroThreshold) return { ...bucket, lower: zeroThreshold };
    return bucket;
  };
  return [
    ...negativeBuckets(histogram).reverse().map(cut),
    ...(zeroCount > 0 ? [zeroBucket(histogram)] : []),
    ...positiveBuckets(histogram).map(cut),
  ];
}
