import { customBucketsSchema, type NativeHistogram } from "./histogram.ts";

export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
}

export const usesCustomBuckets = ({ schema }: NativeHistogram): boolean => schema === customBucketsSchema;

// What one bucket is wider than the one below it, for schemas 0 to 8: 2^(2^-schema) as Prometheus computed it, which is
// not always the nearest float. Bounds must be the same bits, as they are compared and printed.
const growth = [
  2, 1.414213562373095, 1.189207115002721, 1.0905077326652577, 1.0442737824274138, 1.0218971486541166,
  1.0108892860517005, 1.0054299011128027, 1.0027112750502025,
] as const;

/** Bounds between 1/2 and 1 for each schema; those that the schema before has too are taken from there. */
const fractions: readonly (readonly number[])[] = growth.reduce<number[][]>((tables, factor, schema) => {
  const table = [0.5];
  for (let place = 1; place < 2 ** schema; place += 1) {
    table.push(place % 2 === 0 ? tables[schema - 1]![place / 2]! : table[place - 1]! * factor);
  }
  return [...tables, table];
}, []);

/** Upper bound of bucket `index` above zero in an exponential schema. */
export function exponentialBound(index: number, schema: number): number {
  // The last bucket for ordinary numbers would end at 2^1024; what follows it counts infinities.
  if (index * 2 ** -schema === 1024) return Number.MAX_VALUE;
  if (schema < 0) return 2 ** (index * 2 ** -schema);
  const size = 2 ** schema;
  const octave = Math.floor(index / size);
  // In two steps, as 2^1024 itself would overflow.
  return fractions[schema]![index - octave * size]! * 2 ** octave * 2;
}

function customBound(index: number, customValues: readonly number[]): number {
  if (index < 0) return -Infinity;
  return customValues[index] ?? Infinity;
}

/** Bounds of a bucket on the positive side. */
function positiveBounds(
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
