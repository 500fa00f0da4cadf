import {
  customBucketsSchema,
  labelsKey,
  labelsFromRecord,
  labelsToRecord,
  labelValue,
  type Labels,
  type NativeHistogram,
} from "../../packages/collector/src/model/index.ts";
import type { NotedSample } from "../../packages/collector/src/promql/index.ts";

/** A classic histogram at one time, as its series told it. */
interface Collected {
  readonly buckets: Map<number, number>;
  count: number | undefined;
  sum: number;
}

interface Base {
  readonly labels: Labels;
  readonly byPlace: Map<number, Collected>;
}

function baseOf(labels: Labels, name: string): Labels {
  const { le: _le, ...rest } = labelsToRecord(labels);
  return labelsFromRecord({ ...rest, __name__: name });
}

function convert({ buckets, count, sum }: Collected): NativeHistogram {
  const bounds = [...buckets.keys()].sort((left, right) => left - right);
  const total = count ?? (bounds.length === 0 ? 0 : buckets.get(bounds.at(-1)!)!);
  if (bounds.at(-1) !== Infinity) {
    bounds.push(Infinity);
    buckets.set(Infinity, total);
  }
  const cumulative = bounds.map((bound) => buckets.get(bound)!);
  if (cumulative.at(-1) !== total)
    throw new Error(`count mismatch: count=${total} != le=+Inf count=${cumulative.at(-1)}`);
  const counts = cumulative.map((value, place) => value - (place === 0 ? 0 : cumulative[place - 1]!));
  if (counts.some((value) => value < 0)) throw new Error("count is not cumulative");
  return {
    counterResetHint: "unknown",
    schema: customBucketsSchema,
    zeroThreshold: 0,
    zeroCount: 0,
    count: total,
    sum,
    positive: { indexes: counts.map((_value, place) => place), counts },
    negative: { indexes: [], counts: [] },
    customValues: bounds.slice(0, -1),
  };
}

function parseBound(text: string): number {
  if (/^\+?inf$/i.test(text)) return Infinity;
  return text === "" ? Number.NaN : Number(text);
}

/** The classic histograms among some series as native ones with custom bounds, each named without its suffix. */
export function toCustomBuckets(
  series: readonly { readonly labels: Labels; readonly samples: readonly NotedSample[] }[],
): { readonly labels: Labels; readonly samples: readonly NotedSample[] }[] {
  const bases = new Map<string, Base>();
  for (const { labels, samples } of series) {
    const parts = /^(.*)_(bucket|count|sum)$/.exec(labelValue(labels, "__name__"));
    if (parts === null) continue;
    const [, name, suffix] = parts;
    const bound = parseBound(labelValue(labels, "le"));
    if (suffix === "bucket" && Number.isNaN(bound)) continue;
    const baseLabels = baseOf(labels, name!);
    const key = labelsKey(baseLabels);
    const base = bases.get(key) ?? { labels: baseLabels, byPlace: new Map<number, Collected>() };
    bases.set(key, base);
    for (const [place, sample] of samples.entries()) {
      if (sample.kind !== "float") continue;
      const collected = base.byPlace.get(place) ?? {
        buckets: new Map<number, number>(),
        count: undefined,
        sum: 0,
      };
      base.byPlace.set(place, collected);
      if (suffix === "count") collected.count = sample.value;
      else if (suffix === "sum") collected.sum = sample.value;
      else if (!collected.buckets.has(bound)) collected.buckets.set(bound, sample.value);
    }
  }
  return [...bases.values()].map(({ labels, byPlace }) => {
    const samples: NotedSample[] = [];
    for (const [place, collected] of byPlace) {
      while (samples.length <= place) samples.push({ kind: "omitted" });
      samples[place] = { kind: "histogram", histogram: convert(collected), hasHint: false };
    }
    return { labels, samples };
  });
}
