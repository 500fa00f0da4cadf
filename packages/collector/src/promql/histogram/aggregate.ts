import {
  boundsMatch,
  combineHistograms,
  divideHistogram,
  hintsCollide,
  type HistogramBuckets,
  type NativeHistogram,
  scaleHistogram,
  usesCustomBuckets,
} from "../../model/index.ts";
import { CompensatedSum } from "../compensated-sum.ts";

export type Aggregated =
  | {
      readonly kind: "aggregated";
      readonly histogram: NativeHistogram;
      readonly isReconciled: boolean;
      /** Some said "reset", some "not reset". */
      readonly collides: boolean;
    }
  | { readonly kind: "incompatible"; readonly collides: boolean };

type Side = Map<number, CompensatedSum>;

function addSide(into: Side, { indexes, counts }: HistogramBuckets): void {
  for (const [place, index] of indexes.entries()) {
    const known = into.get(index);
    if (known === undefined) into.set(index, new CompensatedSum(counts[place]));
    else known.add(counts[place]!);
  }
}

function readSide(side: Side): HistogramBuckets {
  const indexes = [...side.keys()].sort((a, b) => a - b);
  return { indexes, counts: indexes.map((index) => side.get(index)!.total()) };
}

const sameLayout = (left: NativeHistogram, right: NativeHistogram): boolean =>
  left.schema === right.schema &&
  left.zeroThreshold === right.zeroThreshold &&
  boundsMatch(left.customValues, right.customValues);

/** Sums histograms of one layout bucket by bucket with compensation. */
function sumSameLayout(histograms: readonly NativeHistogram[]): NativeHistogram {
  const first = histograms[0]!;
  const zeroCount = new CompensatedSum();
  const count = new CompensatedSum();
  const sum = new CompensatedSum();
  const positive: Side = new Map();
  const negative: Side = new Map();
  for (const histogram of histograms) {
    zeroCount.add(histogram.zeroCount);
    count.add(histogram.count);
    sum.add(histogram.sum);
    addSide(positive, histogram.positive);
    addSide(negative, histogram.negative);
  }
  return {
    ...first,
    zeroCount: zeroCount.total(),
    count: count.total(),
    sum: sum.total(),
    positive: readSide(positive),
    negative: readSide(negative),
  };
}

function sumHistograms(
  histograms: readonly NativeHistogram[],
): { readonly histogram: NativeHistogram; readonly isReconciled: boolean } | undefined {
  const first = histograms[0]!;
  const isCustom = usesCustomBuckets(first);
  if (histograms.some((histogram) => usesCustomBuckets(histogram) !== isCustom)) return undefined;
  let total: NativeHistogram | undefined;
  let isReconciled = false;
  // Runs of one layout are summed with compensation; the few sums of differing layouts are then brought together.
  for (let from = 0; from < histograms.length;) {
    let to = from + 1;
    while (to < histograms.length && sameLayout(histograms[from]!, histograms[to]!)) to += 1;
    const part = sumSameLayout(histograms.slice(from, to));
    if (total === undefined) total = part;
    else {
      const combined = combineHistograms(total, part, 1);
      if (combined.kind === "incompatible") return undefined;
      isReconciled ||= combined.isReconciled;
      total = combined.histogram;
    }
    from = to;
  }
  return { histogram: total!, isReconciled };
}

function hasOverflow({ zeroCount, count, sum, positive, negative }: NativeHistogram): boolean {
  const isInfinite = (value: number): boolean => value === Infinity || value === -Infinity;
  return (
    [zeroCount, count, sum].some(isInfinite) ||
    positive.counts.some(isInfinite) ||
    negative.counts.some(isInfinite)
  );
}

/** The mean step by step, for sums that a float cannot hold. */
function incrementalMean(histograms: readonly NativeHistogram[]): NativeHistogram {
  let mean = histograms[0]!;
  for (const [index, histogram] of histograms.entries()) {
    if (index === 0) continue;
    const count = index + 1;
    const combined = combineHistograms(
      scaleHistogram(mean, index / count),
      divideHistogram(histogram, count),
      1,
    );
    if (combined.kind === "combined") mean = combined.histogram;
  }
  return mean;
}

/** Sum or average of at least one histogram. */
export function aggregateHistograms(histograms: readonly NativeHistogram[], kind: "sum" | "avg"): Aggregated {
  const hints = new Set(histograms.map(({ counterResetHint }) => counterResetHint));
  const collides = hintsCollide("reset", "not_reset") && hints.has("reset") && hints.has("not_reset");
  const summed = sumHistograms(histograms);
  if (summed === undefined) return { kind: "incompatible", collides };
  let counterResetHint = histograms[0]!.counterResetHint;
  if (hints.size > 1) counterResetHint = hints.has("gauge") ? "gauge" : "unknown";
  let { histogram } = summed;
  if (kind === "avg") {
    const isTooBig = hasOverflow(histogram) && !histograms.some(hasOverflow);
    histogram = isTooBig ? incrementalMean(histograms) : divideHistogram(histogram, histograms.length);
  }
  return {
    kind: "aggregated",
    histogram: { ...histogram, counterResetHint },
    isReconciled: summed.isReconciled,
    collides,
  };
}
