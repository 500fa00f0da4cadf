/**
 * Whether a native histogram is known to begin anew at its sample: "reset" and "not_reset" are facts about a counter,
 * "gauge" says that it is none, "unknown" that the buckets must be compared.
 */
export type CounterResetHint = "unknown" | "reset" | "not_reset" | "gauge";

/** Buckets on one side of zero: ascending indexes, each once, and their counts (not cumulative). */
export interface HistogramBuckets {
  readonly indexes: readonly number[];
  readonly counts: readonly number[];
}

/**
 * A sample of a native histogram with float counts.
 * Bucket i of an exponential schema (-4 to 8) ends at 2^(i · 2^-schema), inclusive, above zero; below zero mirrored.
 * Schema -53 has custom bounds: bucket i ends at `customValues[i]`, the one after the last bound at +Inf.
 * @see Prometheus native histogram specification
 */
export interface NativeHistogram {
  readonly counterResetHint: CounterResetHint;
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positive: HistogramBuckets;
  readonly negative: HistogramBuckets;
  readonly customValues: readonly number[];
}

/** The schema of histograms with custom bounds. */
export const customBucketsSchema = -53;
