import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import {
  histogramsEqual,
  isStaleAt,
  type HistogramWrite,
  type NativeHistogram,
  type SampleWrite,
  type SeriesSamples,
  type SeriesWrite,
} from "../model/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { createHead, openHeadReader, type HeadSettings } from "./index.ts";

const everything = { startMs: -Infinity, endMs: Infinity };
const startMs = 1_800_000_000_000;
const windowMs = 60_000;

function setup(settings: Partial<HeadSettings> = {}) {
  const clock = { ms: startMs, nowMs: () => clock.ms, setTimer: () => () => {} };
  const telemetry = createTelemetry();
  const head = createHead({
    retentionMs: 1e9,
    seriesMax: 100,
    outOfOrderWindowMs: windowMs,
    clock,
    telemetry,
    ...settings,
  });
  const sizeBytes = async () => {
    const metrics = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
    return metrics.find(({ name }) => name === "quartet_store_size_bytes")!.values[0]!.value;
  };
  return { head, clock, sizeBytes };
}

const write = (
  samples: readonly SampleWrite[],
  histograms: readonly HistogramWrite[] = [],
  startTimestampMs = 0,
): SeriesWrite => ({
  labels: ["__name__", "m"],
  type: "gauge",
  help: "",
  unit: "",
  startTimestampMs,
  samples,
  ...(histograms.length === 0 ? {} : { histograms }),
  exemplars: [],
});

const histogramOf = (seed: number, buckets: number): NativeHistogram => {
  const indexes = Array.from({ length: buckets }, (_, place) => place * 2 - 5);
  return {
    counterResetHint: "unknown",
    schema: 3,
    zeroThreshold: 0.001,
    zeroCount: seed % 3,
    count: seed * 10,
    sum: seed * 1.5,
    positive: { indexes, counts: indexes.map((index) => (index * index + seed) % 1_000) },
    negative: { indexes: [], counts: [] },
    customValues: [],
  };
};

type Value = number | "stale" | NativeHistogram;

/** What a series is made of: whole counts, decimals, doubles that nothing makes smaller, or histograms; now and then something else. */
function valueAt(kind: string, step: number, random: (below: number) => number): Value {
  if (random(50) === 0) return [Number.NaN, "stale", Infinity, -0][random(4)] as Value;
  if (kind === "histograms") return random(30) === 0 ? step : histogramOf(step, 5 + (step >>> 6) * 9);
  if (kind === "counts") return step * 3 + random(3);
  return kind === "decimals" ? random(1_000) / 100 : Math.sin(step * 12.9898) * 43_758.5453;
}

const entriesOf = (found: SeriesSamples | undefined) =>
  Array.from(found?.timestampsMs ?? [], (ms, at): [number, Value] => [
    ms,
    found!.histograms?.[at] ?? (isStaleAt(found!.values, at) ? "stale" : found!.values[at]!),
  ]);

const toWrite = (timestampMs: number, value: Value, startTimestampMs: number): SeriesWrite => {
  if (value === "stale") return write([{ timestampMs, value: 0, isStale: true }]);
  return typeof value === "number"
    ? write([{ timestampMs, value }], [], startTimestampMs)
    : write([], [{ timestampMs, counts: "integer", histogram: value }], startTimestampMs);
};

test.for(["counts", "decimals", "doubles", "histograms"])(
  "a head of %s, compressed as it grows, holds and refuses what a sorted list would",
  (kind) => {
    let seed = randomInt(2 ** 31);
    const begin = `${kind}, seed ${seed}`;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return (seed >>> 8) % below;
    };
    const { head, clock } = setup();
    const reader = openHeadReader(head.handle());
    const model = new Map<number, Value>();
    const starts = new Map<number, number>();
    let currentStartMs = 0;
    let newestMs = clock.ms;
    const isSame = (left: Value, right: Value) =>
      typeof left === "object" && typeof right === "object"
        ? histogramsEqual(left, right)
        : Object.is(left, right) || (left === 0 && right === 0);
    for (let step = 0; step < 1_500; step += 1) {
      const fate = step === 0 ? 9 : random(10);
      const backMs = random(fate === 0 ? 20 * windowMs : windowMs / 2);
      // Mostly the next one; some are late, far too late, or there already.
      const old = [...model.keys()][random(Math.max(1, model.size))];
      const timestampMs =
        fate === 2 && old !== undefined ? old : fate < 2 ? newestMs - backMs : newestMs + 1 + random(15_000);
      const known = model.get(timestampMs);
      const value = known !== undefined && random(2) === 0 ? known : valueAt(kind, step, random);
      const expected =
        known === undefined
          ? timestampMs < newestMs - windowMs
            ? { out_of_order: 1 }
            : {}
          : isSame(known, value)
            ? {}
            : { duplicate: 1 };
      // The counter begins anew now and then, and a late sample may be of any beginning.
      if (random(100) === 0) currentStartMs = timestampMs - random(1_000);
      const sampleStartMs = random(40) === 0 ? random(2) * (startMs - 5) : currentStartMs;
      const { refused } = head.ingest([toWrite(timestampMs, value, sampleStartMs)]);
      expect({ begin, step, refused: Object.fromEntries(refused) }).toEqual({
        begin,
        step,
        refused: expected,
      });
      if (known === undefined && refused.size === 0) {
        model.set(timestampMs, value);
        if (value !== "stale") starts.set(timestampMs, sampleStartMs);
      }
      newestMs = Math.max(newestMs, timestampMs);
    }
    const sorted = [...model].toSorted(([left], [right]) => left - right);
    const ranges = Array.from({ length: 200 }, () => {
      const fromMs = startMs + random(newestMs - startMs);
      return { startMs: fromMs, endMs: fromMs + random(random(2) === 0 ? 20_000 : 3_600_000) };
    });
    for (const range of [everything, ...ranges]) {
      const wanted = sorted.filter(([ms]) => ms >= range.startMs && ms <= range.endMs);
      const [found] = reader.select([], range, { hasStarts: true });
      const got = entriesOf(found);
      const [newest] = reader.select([], range, { isNewestOnly: true });
      expect({ begin, newest: entriesOf(newest) }).toEqual({ begin, newest: got.slice(-1) });
      expect({ begin, times: got.map(([ms]) => ms) }).toEqual({ begin, times: wanted.map(([ms]) => ms) });
      expect({ begin, other: got.filter(([, value], at) => !isSame(value, wanted[at]![1])) }).toEqual({
        begin,
        other: [],
      });
      const gotStarts = got.flatMap(([ms, value], at): (readonly [number, number])[] =>
        value === "stale" ? [] : [[ms, found!.startTimestampsMs?.[at] ?? 0]],
      );
      expect({ begin, gotStarts }).toEqual({
        begin,
        gotStarts: wanted.flatMap(([ms, value]) => (value === "stale" ? [] : [[ms, starts.get(ms)]])),
      });
      expect({ begin, series: reader.series([], range).length }).toEqual({
        begin,
        series: wanted.length > 0 ? 1 : 0,
      });
    }
  },
);

test("three hours of whole numbers every 15 s take less than a third of what they take plainly", async () => {
  const { head, clock, sizeBytes } = setup();
  for (let step = 0; step < 720; step += 1) {
    clock.ms += 15_000;
    head.ingest([write([{ timestampMs: clock.ms + (step % 7), value: step * 12 + (step % 5) }])]);
  }
  expect(await sizeBytes()).toBeLessThanOrEqual((720 * 16) / 3);
});

test("histograms are let go of where they lay when they are compressed", async () => {
  const { head, clock, sizeBytes } = setup();
  for (let step = 0; step < 640; step += 1) {
    clock.ms += 15_000;
    head.ingest([
      write([], [{ timestampMs: clock.ms, counts: "integer", histogram: histogramOf(step, 20) }]),
    ]);
  }
  expect(head.select([], everything)[0]!.histograms).toEqual(
    Array.from({ length: 640 }, (_, step) => histogramOf(step, 20)),
  );
  // One has more than 40 bytes as it comes.
  expect(await sizeBytes()).toBeLessThanOrEqual(640 * 40);
});

test("what is compressed leaves with its age", async () => {
  const { head, clock, sizeBytes } = setup({ arenaBytesMax: 64 * 1024, retentionMs: 3_600_000 });
  for (let step = 0; step < 5_000; step += 1) {
    clock.ms += 1_000;
    head.ingest([write([{ timestampMs: clock.ms, value: step }])]);
  }
  const [found] = head.select([], { startMs: clock.ms - 3_600_000, endMs: clock.ms });
  expect([...found!.values]).toEqual(Array.from({ length: 3_601 }, (_, index) => 5_000 - 3_601 + index));
  expect(await sizeBytes()).toBeLessThan(3_600 * 3);
});
