import { combineHistograms, toSchema, type HistogramBuckets, type NativeHistogram } from "../model/index.ts";

/** Dense buckets as OTLP has them: the first stands at `offset`. */
interface DenseBuckets {
  readonly offset: number;
  readonly counts: readonly number[];
}

/** A data point of an OTLP exponential histogram. */
export interface ExponentialHistogram {
  readonly scale: number;
  readonly count: number;
  readonly sum: number | undefined;
  readonly zeroCount: number;
  readonly zeroThreshold: number;
  readonly positive: DenseBuckets;
  readonly negative: DenseBuckets;
}

const schemaMin = -4;
const schemaMax = 8;
/** What OpenTelemetry's SDKs keep by default on both sides of zero together. */
const bucketsMax = 320;
/** Width of a zero bucket that says none: Prometheus' default, below anything measured. */
const zeroThresholdDefault = 1e-128;

/**
 * The native histogram that says the same; a finer scale than 8, and one with more than 320 filled buckets, is made coarser.
 * "scale": the scale is below -4, which Prometheus does not know. "count": the buckets do not add up to the count, which
 * Prometheus refuses.
 * @see OpenTelemetry, "Prometheus and OpenMetrics Compatibility", exponential histograms
 */
export function toNativeHistogram(point: ExponentialHistogram): NativeHistogram | "scale" | "count" {
  if (point.scale < schemaMin) return "scale";
  const schema = Math.min(point.scale, schemaMax);
  const width = 2 ** (point.scale - schema);
  const positive = sparse(point.positive, width);
  const negative = sparse(point.negative, width);
  const { count, zeroCount, sum = 0 } = point;
  const inBuckets = [...positive.counts, ...negative.counts].reduce((total, one) => total + one, zeroCount);
  // NaN was observed then, and is in no bucket.
  if (Number.isNaN(sum) ? inBuckets > count : inBuckets !== count) return "count";
  return bounded({
    // Only where the samples end up, the hint can be given: what is lost on the way may be a reset.
    counterResetHint: "unknown",
    schema,
    zeroThreshold: point.zeroThreshold > 0 ? point.zeroThreshold : zeroThresholdDefault,
    zeroCount,
    count,
    sum,
    positive,
    negative,
    customValues: [],
  });
}

/** At schema -4 the whole range of numbers has 262 buckets, so that this comes to an end. */
function bounded(histogram: NativeHistogram): NativeHistogram {
  let coarse = histogram;
  while (coarse.schema > schemaMin && bucketCount(coarse) > bucketsMax)
    coarse = toSchema(coarse, coarse.schema - 1);
  return coarse;
}

function bucketCount({ positive, negative }: NativeHistogram): number {
  return positive.indexes.length + negative.indexes.length;
}

/** OTLP names a bucket by its lower bound, Prometheus by its upper: hence the one more. */
function sparse({ offset, counts }: DenseBuckets, width: number): HistogramBuckets {
  const indexes: number[] = [];
  const merged: number[] = [];
  for (const [place, count] of counts.entries()) {
    if (count === 0) continue;
    const index = Math.floor((offset + place) / width) + 1;
    if (indexes.at(-1) === index) merged[merged.length - 1]! += count;
    else {
      indexes.push(index);
      merged.push(count);
    }
  }
  return { indexes, counts: merged };
}

/** Total and delta, at the lower resolution and the wider zero bucket of both; a total that spreads is made coarser. */
export function addHistograms(total: NativeHistogram, delta: NativeHistogram): NativeHistogram {
  const sum = combineHistograms(total, delta, 1);
  if (sum.kind === "incompatible") throw new TypeError("exponential histograms can always be added");
  return bounded(sum.histogram);
}
