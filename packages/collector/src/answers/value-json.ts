import { allBuckets, labelsToRecord, type Labels, type NativeHistogram } from "../model/index.ts";
import { formatSampleValue, type MatrixSeries, type QueryValue, type VectorSample } from "../promql/index.ts";

/** Whether `limit` series leave some of the result out; 0 means no limit. */
export function isTruncatedBy(value: QueryValue, limit: number): boolean {
  if (limit === 0) return false;
  if (value.kind === "vector") return value.samples.length > limit;
  return value.kind === "matrix" && value.series.length > limit;
}

/**
 * The `data` of a query's answer, at most `limit` series of it; 0 means no limit.
 * Put together as text: a range query may hold a million numbers, and JSON.stringify would need an object for each.
 * @see Prometheus HTTP API, "Expression query result formats"
 */
export function valueJson(value: QueryValue, limit: number): string {
  const cut = <T>(items: readonly T[]) => (limit > 0 ? items.slice(0, limit) : items);
  switch (value.kind) {
    case "scalar":
      return `{"resultType":"scalar","result":${point(value.timestampMs, quoted(value.value))}}`;
    case "string":
      return `{"resultType":"string","result":${point(value.timestampMs, JSON.stringify(value.value))}}`;
    case "vector":
      return `{"resultType":"vector","result":[${cut(value.samples).map(sampleJson).join(",")}]}`;
    case "matrix":
      return `{"resultType":"matrix","result":[${cut(value.series).map(seriesJson).join(",")}]}`;
  }
}

function sampleJson({ labels, timestampMs, value, histogram }: VectorSample): string {
  const text =
    histogram === undefined
      ? `"value":${point(timestampMs, quoted(value))}`
      : `"histogram":${point(timestampMs, histogramJson(histogram))}`;
  return `{"metric":${metricJson(labels)},${text}}`;
}

/** Floats and histograms of one series are two lists; the one without a point is left out. */
function seriesJson({ labels, timestampsMs, values, histograms }: MatrixSeries): string {
  const floatPoints: string[] = [];
  const histogramPoints: string[] = [];
  for (const [index, value] of values.entries()) {
    const histogram = histograms?.[index];
    if (histogram === undefined) floatPoints.push(point(timestampsMs[index]!, quoted(value)));
    else histogramPoints.push(point(timestampsMs[index]!, histogramJson(histogram)));
  }
  const floats = floatPoints.length > 0 ? `,"values":[${floatPoints.join(",")}]` : "";
  const others = histogramPoints.length > 0 ? `,"histograms":[${histogramPoints.join(",")}]` : "";
  return `{"metric":${metricJson(labels)}${floats}${others}}`;
}

/** Each bucket that counts something is [which ends belong to it, lower, upper, count]. */
function histogramJson(histogram: NativeHistogram): string {
  const buckets = allBuckets(histogram)
    .filter(({ count }) => count !== 0)
    .map(
      (bucket) =>
        `[${[String(endsOf(bucket)), quoted(bucket.lower), quoted(bucket.upper), quoted(bucket.count)].join(",")}]`,
    );
  const list = buckets.length > 0 ? `,"buckets":[${buckets.join(",")}]` : "";
  return `{"count":${quoted(histogram.count)},"sum":${quoted(histogram.sum)}${list}}`;
}

/** 0: the upper end belongs to the bucket, 1: the lower end, 3: both, which only the bucket around zero and one without a lower bound have. */
function endsOf({ lower, upper }: { readonly lower: number; readonly upper: number }): 0 | 1 | 3 {
  if (lower === -Infinity || (lower <= 0 && upper >= 0 && lower === -upper)) return 3;
  return lower < 0 ? 1 : 0;
}

const metricJson = (labels: Labels) => JSON.stringify(labelsToRecord(labels));
const quoted = (value: number) => `"${formatSampleValue(value)}"`;
const point = (timestampMs: number, text: string) => `[${timestampMs / 1_000},${text}]`;
