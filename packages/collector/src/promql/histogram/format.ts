import {
  type Bucket,
  type NativeHistogram,
  negativeBuckets,
  positiveBuckets,
  zeroBucket,
} from "../../model/index.ts";
import { formatGeneral } from "../format-value.ts";

function formatBucket({ lower, upper, count }: Bucket): string {
  // An end is inside the bucket where it is the one away from zero.
  const open = lower < 0 ? "[" : "(";
  const close = upper > 0 ? "]" : ")";
  return `${open}${formatGeneral(lower)},${formatGeneral(upper)}${close}:${formatGeneral(count)}`;
}

/** A histogram as Prometheus prints it: count, sum and each bucket that counts something, ascending. */
export function formatHistogram(histogram: NativeHistogram): string {
  const { count, sum, zeroCount } = histogram;
  const buckets = [
    ...negativeBuckets(histogram).reverse(),
    ...(zeroCount === 0 ? [] : [zeroBucket(histogram)]),
    ...positiveBuckets(histogram),
  ].filter((bucket) => bucket.count !== 0);
  const parts = [`count:${formatGeneral(count)}`, `sum:${formatGeneral(sum)}`, ...buckets.map(formatBucket)];
  return `{${parts.join(", ")}}`;
}
