import { type NativeHistogram, noBuckets, type SeriesSamples } from "../../model/index.ts";
import { isHistogramReset } from "./reset.ts";

/**
 * The series with histograms that have only count and sum, for functions that read nothing else. As buckets are gone,
 * what they tell of resets becomes the hint.
 */
export function statsOnly(series: SeriesSamples): SeriesSamples {
  if (series.histograms === undefined) return series;
  let previous: NativeHistogram | undefined;
  const histograms = series.histograms.map((histogram) => {
    if (histogram === undefined) {
      previous = undefined;
      return undefined;
    }
    let { counterResetHint } = histogram;
    if (counterResetHint === "unknown" && previous !== undefined) {
      counterResetHint = isHistogramReset(histogram, previous) ? "reset" : "not_reset";
    }
    previous = histogram;
    const { schema, count, sum } = histogram;
    const bare: NativeHistogram = {
      counterResetHint,
      schema,
      zeroThreshold: 0,
      zeroCount: 0,
      count,
      sum,
      positive: noBuckets,
      negative: noBuckets,
      customValues: [],
    };
    return bare;
  });
  return { ...series, histograms };
}
