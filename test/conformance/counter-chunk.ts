import type { HistogramBuckets, NativeHistogram } from "../../packages/collector/src/model/index.ts";

function hasFallen(current: HistogramBuckets, previous: HistogramBuckets): boolean {
  return previous.indexes.some((index, place) => {
    const at = current.indexes.indexOf(index);
    return (at < 0 ? 0 : current.counts[at]!) < previous.counts[place]!;
  });
}

/** Whether Prometheus' storage would put a histogram into the same chunk as the one before, and so know it is no reset. */
export function continuesCounter(current: NativeHistogram, previous: NativeHistogram): boolean {
  return (
    previous.counterResetHint !== "gauge" &&
    current.counterResetHint !== "reset" &&
    current.schema === previous.schema &&
    current.zeroThreshold === previous.zeroThreshold &&
    current.customValues.length === previous.customValues.length &&
    current.customValues.every((bound, place) => bound === previous.customValues[place]) &&
    current.count >= previous.count &&
    current.zeroCount >= previous.zeroCount &&
    !hasFallen(current.positive, previous.positive) &&
    !hasFallen(current.negative, previous.negative)
  );
}
