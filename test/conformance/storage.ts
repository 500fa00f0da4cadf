import {
  compileMatcher,
  labelsKey,
  labelValue,
  setStaleAt,
  type Labels,
  type Matcher,
  type NativeHistogram,
  type Queryable,
  type SeriesSamples,
  type TimeRange,
} from "../../packages/collector/src/model/index.ts";
import type { LoadCommand } from "./script.ts";
import { toCustomBuckets } from "./custom-buckets.ts";
import { continuesCounter } from "./counter-chunk.ts";

interface StoredSample {
  readonly timeMs: number;
  readonly startMs: number;
  readonly value: number | "stale" | NativeHistogram;
}

interface StoredSeries {
  readonly labels: Labels;
  readonly samples: StoredSample[];
}

export interface ScriptStorage {
  readonly queryable: Queryable;
  load(command: LoadCommand): void;
  clear(): void;
}

/** Gives histograms the hints that Prometheus' storage gives back: only what it can be sure of within a chunk. */
function withHint(previous: StoredSample | undefined, histogram: NativeHistogram): NativeHistogram {
  if (histogram.counterResetHint === "gauge") return histogram;
  const before = previous?.value;
  const continues = typeof before === "object" && continuesCounter(histogram, before);
  return { ...histogram, counterResetHint: continues ? "not_reset" : "unknown" };
}

function toColumns({ labels, samples }: StoredSeries): SeriesSamples {
  const timestampsMs = Float64Array.from(samples, ({ timeMs }) => timeMs);
  const values = new Float64Array(samples.length);
  const histograms = samples.map(({ value }) => (typeof value === "object" ? value : undefined));
  for (const [index, { value }] of samples.entries()) {
    if (value === "stale") setStaleAt(values, index);
    else if (typeof value === "number") values[index] = value;
  }
  const columns = { labels, timestampsMs, values };
  const startTimestampsMs = Float64Array.from(samples, ({ startMs }) => startMs);
  const withStarts = startTimestampsMs.some((startMs) => startMs !== 0)
    ? { ...columns, startTimestampsMs }
    : columns;
  return histograms.some((histogram) => histogram !== undefined) ? { ...withStarts, histograms } : withStarts;
}

function cut(series: SeriesSamples, { startMs, endMs }: TimeRange): SeriesSamples | undefined {
  const { timestampsMs } = series;
  let from = 0;
  while (from < timestampsMs.length && timestampsMs[from]! < startMs) from += 1;
  let to = from;
  while (to < timestampsMs.length && timestampsMs[to]! <= endMs) to += 1;
  if (from === to) return undefined;
  const columns = {
    labels: series.labels,
    timestampsMs: timestampsMs.subarray(from, to),
    values: series.values.subarray(from, to),
  };
  const starts = series.startTimestampsMs?.subarray(from, to);
  const histograms = series.histograms?.slice(from, to);
  return {
    ...columns,
    ...(starts === undefined ? {} : { startTimestampsMs: starts }),
    ...(histograms === undefined ? {} : { histograms }),
  };
}

/** The storage that a script loads its samples into; samples begin at time 0. */
export function createScriptStorage(): ScriptStorage {
  let stored = new Map<string, StoredSeries>();
  let columns: SeriesSamples[] | undefined;

  const append = (labels: Labels, sample: StoredSample): void => {
    const key = labelsKey(labels);
    const series = stored.get(key) ?? { labels, samples: [] };
    stored.set(key, series);
    const last = series.samples.at(-1);
    const { value } = sample;
    const kept = typeof value === "object" ? { ...sample, value: withHint(last, value) } : sample;
    if (last === undefined || last.timeMs < sample.timeMs) series.samples.push(kept);
    else if (!series.samples.some(({ timeMs }) => timeMs === sample.timeMs)) {
      series.samples.push(kept);
      series.samples.sort((left, right) => left.timeMs - right.timeMs);
    }
  };

  const matching = (matchers: readonly Matcher[], range: TimeRange): SeriesSamples[] => {
    columns ??= [...stored.values()].map(toColumns);
    const tests = matchers.map((matcher) => ({ name: matcher.name, holds: compileMatcher(matcher) }));
    return columns.flatMap((series) => {
      if (!tests.every(({ name, holds }) => holds(labelValue(series.labels, name)))) return [];
      const part = cut(series, range);
      return part === undefined ? [] : [part];
    });
  };

  return {
    queryable: {
      select: matching,
      series: (matchers, range) => matching(matchers, range).map(({ labels }) => labels),
      labelNames: (matchers, range) => [
        ...new Set(
          matching(matchers, range).flatMap(({ labels }) => labels.filter((_text, index) => index % 2 === 0)),
        ),
      ],
      labelValues: (name, matchers, range) => [
        ...new Set(matching(matchers, range).map(({ labels }) => labelValue(labels, name))),
      ],
      exemplars: () => [],
      metadata: () => new Map(),
    },
    load({ stepMs, series, withCustomBuckets }) {
      columns = undefined;
      const custom = withCustomBuckets ? toCustomBuckets(series) : [];
      for (const { labels, samples, starts } of [
        ...series,
        ...custom.map((one) => ({ ...one, starts: undefined })),
      ]) {
        for (const [place, sample] of samples.entries()) {
          if (sample.kind === "omitted") continue;
          const timeMs = place * stepMs;
          const start = starts?.[place];
          const startMs = start === undefined ? 0 : timeMs + start;
          if (sample.kind === "stale") append(labels, { timeMs, startMs, value: "stale" });
          else
            append(labels, {
              timeMs,
              startMs,
              value: sample.kind === "float" ? sample.value : sample.histogram,
            });
        }
      }
    },
    clear() {
      stored = new Map();
      columns = undefined;
    },
  };
}
