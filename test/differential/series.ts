import {
  labelsFromRecord,
  type SampleWrite,
  type SeriesWrite,
} from "../../packages/collector/src/model/index.ts";
import type { Random } from "./random.ts";

/** How many samples a series may have; with a minute between them, no data set is longer than 24 minutes. */
const samplesMax = 24;
const oddValues = [0, 1, 2.5, -3, 1e10, 0.1, NaN, Infinity, -Infinity, 7, 100, 42, -0.5];
const bucketBounds = ["0.1", "1", "5", "+Inf"];

export interface SeriesSettings {
  readonly random: Random;
  /** Time of the first samples. */
  readonly startMs: number;
  readonly gapMs: number;
}

/** Counters that are reset, gauges, gaps, staleness markers, odd values, a classic histogram and what info() looks for. */
export function randomSeries({ random, startMs, gapMs }: SeriesSettings): SeriesWrite[] {
  const { whole, chance, pick } = random;
  const write = (
    labels: Record<string, string>,
    values: readonly (number | "stale" | undefined)[],
  ): SeriesWrite => ({
    labels: labelsFromRecord(labels),
    type: labels["__name__"]!.endsWith("_total") ? "counter" : "gauge",
    help: "",
    unit: "",
    startTimestampMs: 0,
    samples: values.slice(0, samplesMax).flatMap((value, place): SampleWrite[] => {
      const timestampMs = startMs + place * gapMs;
      if (value === undefined) return [];
      return [value === "stale" ? { timestampMs, value: 0, isStale: true } : { timestampMs, value }];
    }),
    exemplars: [],
  });
  const line = (from: number, by: number, count: number) =>
    Array.from({ length: count }, (_, place) => from + by * place);
  const row = (): (number | "stale" | undefined)[] =>
    Array.from({ length: 2 + whole(4) }, () =>
      pick<() => (number | "stale" | undefined)[]>([
        () => line(whole(10), whole(5), 1 + whole(12)),
        () => Array.from({ length: 1 + whole(6) }, () => undefined),
        () => [pick(oddValues)],
        () => line(whole(50), 0, 1 + whole(6)),
        () => [chance(0.5) ? "stale" : pick(oddValues)],
        () => line(whole(100), -whole(7), 1 + whole(8)),
      ])(),
    ).flat();

  const found: SeriesWrite[] = [];
  for (const name of ["a_total", "b_total", "gauge", "other"]) {
    for (const l of ["x", "y", "z"]) {
      for (const i of ["0", "1"]) {
        if (chance(0.3)) continue;
        const more: Record<string, string> = chance(0.3) ? { e: String(whole(3)) } : {};
        found.push(write({ __name__: name, l, i, ...more }, row()));
      }
    }
  }
  for (const j of ["p", "q"]) {
    const counts = bucketBounds.map(() => 0);
    const rows: number[][] = bucketBounds.map(() => []);
    for (let place = 0; place < 20; place += 1) {
      for (const bucket of counts.keys()) counts[bucket]! += whole(4);
      for (const [bucket, column] of rows.entries()) {
        column.push(counts.slice(0, bucket + 1).reduce((sum, count) => sum + count, 0));
      }
    }
    for (const [bucket, le] of bucketBounds.entries()) {
      found.push(write({ __name__: "lat_bucket", j, le }, rows[bucket]!));
    }
  }
  return found.filter(({ samples }) => samples.length > 0);
}
