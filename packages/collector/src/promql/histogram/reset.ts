import {
  boundsMatch,
  commonBounds,
  exponentialBound,
  type HistogramBuckets,
  type NativeHistogram,
  onBounds,
  reduceSide,
  usesCustomBuckets,
  widerZeroBucket,
} from "../../model/index.ts";

/** Whether a bucket counts less than before, or is gone. */
function hasFallen(current: HistogramBuckets, previous: HistogramBuckets): boolean {
  let place = 0;
  for (const [before, index] of previous.indexes.entries()) {
    while (place < current.indexes.length && current.indexes[place]! < index) place += 1;
    const count = current.indexes[place] === index ? current.counts[place]! : 0;
    if (count < previous.counts[before]!) return true;
  }
  return false;
}

function outsideZero(side: HistogramBuckets, schema: number, threshold: number): HistogramBuckets {
  const from = side.indexes.findIndex((index) => exponentialBound(index, schema) > threshold);
  if (from <= 0) return from < 0 ? { indexes: [], counts: [] } : side;
  return { indexes: side.indexes.slice(from), counts: side.counts.slice(from) };
}

function customReset(current: NativeHistogram, previous: NativeHistogram): boolean {
  if (boundsMatch(current.customValues, previous.customValues)) {
    return hasFallen(current.positive, previous.positive);
  }
  const bounds = commonBounds(current.customValues, previous.customValues);
  const now = onBounds(current, bounds);
  return [...onBounds(previous, bounds)].some(([index, count]) => (now.get(index) ?? 0) < count);
}

/** Whether a counter began anew between two samples: told by the hint, else by any count that fell. */
export function isHistogramReset(current: NativeHistogram, previous: NativeHistogram): boolean {
  if (current.counterResetHint === "reset") return true;
  if (current.counterResetHint === "not_reset") return false;
  if (current.count < previous.count) return true;
  if (usesCustomBuckets(current)) return !usesCustomBuckets(previous) || customReset(current, previous);
  // A finer schema or a narrower zero bucket cannot come out of the same counter.
  if (current.schema > previous.schema || current.zeroThreshold < previous.zeroThreshold) return true;
  if (usesCustomBuckets(previous)) return true;
  const zero = widerZeroBucket(previous, current.zeroThreshold);
  if (zero.threshold !== current.zeroThreshold || current.zeroCount < zero.count) return true;
  const { schema, zeroThreshold } = current;
  return (["positive", "negative"] as const).some((side) =>
    hasFallen(
      outsideZero(current[side], schema, zeroThreshold),
      outsideZero(reduceSide(previous[side], previous.schema, schema), schema, zeroThreshold),
    ),
  );
}
