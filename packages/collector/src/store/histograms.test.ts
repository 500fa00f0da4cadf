import { expect, test } from "vitest";
import {
  isStaleAt,
  type HistogramWrite,
  type NativeHistogram,
  type SampleWrite,
  type SeriesWrite,
} from "../model/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { createHead, openHeadReader, type HeadSettings } from "./index.ts";

const everything = { startMs: -Infinity, endMs: Infinity };

function setup(settings: Partial<HeadSettings> = {}) {
  const clock = { ms: 1_000_000, nowMs: () => clock.ms, setTimer: () => () => {} };
  const telemetry = createTelemetry();
  const head = createHead({ retentionMs: 3_600_000, seriesMax: 100, clock, telemetry, ...settings });
  const read = (reader = openHeadReader(head.handle())) => reader.select([], everything);
  const sizeBytes = async () => {
    const metrics = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
    return metrics.find(({ name }) => name === "quartet_store_size_bytes")!.values[0]!.value;
  };
  return { head, clock, read, sizeBytes };
}

const histogram = (more: Partial<NativeHistogram> = {}): NativeHistogram => ({
  counterResetHint: "unknown",
  schema: 3,
  zeroThreshold: 0.001,
  zeroCount: 1,
  count: 7,
  sum: 1.5,
  positive: { indexes: [-2, 5, 6], counts: [1, 2, 2] },
  negative: { indexes: [9], counts: [1] },
  customValues: [],
  ...more,
});
/** One that takes about two bytes a bucket. */
const wide = (seed: number, buckets: number): NativeHistogram => {
  const indexes = Array.from({ length: buckets }, (_, place) => place * 3);
  return histogram({
    sum: seed,
    positive: { indexes, counts: indexes.map((index) => (index * 7 + seed) % 50) },
  });
};
const at = (
  timestampMs: number,
  of: NativeHistogram,
  more: Partial<HistogramWrite> = {},
): HistogramWrite => ({
  timestampMs,
  counts: "integer",
  histogram: of,
  ...more,
});
const write = (histograms: readonly HistogramWrite[], samples: readonly SampleWrite[] = []): SeriesWrite => ({
  labels: ["__name__", "took"],
  type: "histogram",
  help: "",
  unit: "",
  startTimestampMs: 0,
  samples,
  histograms,
  exemplars: [],
});

test("native histograms come back as they were written, between floats and staleness markers", () => {
  const { head, read } = setup();
  const custom = histogram({ schema: -53, zeroThreshold: 0, zeroCount: 0, customValues: [0.5, 1] });
  const gauge = histogram({
    counterResetHint: "gauge",
    count: 0.5,
    positive: { indexes: [1], counts: [0.25] },
  });
  const result = head.ingest([
    write([at(1_000, histogram()), at(2_000, custom), at(3_000, gauge, { counts: "float" })]),
    write([at(4_000, histogram(), { isStale: true })]),
    write([], [{ timestampMs: 5_000, value: 2 }]),
    write([at(6_000, wide(1, 1_000))]),
  ]);
  expect(result).toMatchObject({ samplesStored: 6, histogramsRefused: 0 });
  const [series, ...others] = read();
  expect(others).toEqual([]);
  expect(series!.timestampsMs).toEqual(Float64Array.of(1_000, 2_000, 3_000, 4_000, 5_000, 6_000));
  expect(series!.histograms).toEqual([histogram(), custom, gauge, undefined, undefined, wide(1, 1_000)]);
  expect(isStaleAt(series!.values, 3)).toBe(true);
  expect(series!.values[4]).toBe(2);
});

test("a series of floats has no column of histograms", () => {
  const { head, read } = setup();
  head.ingest([write([], [{ timestampMs: 1_000, value: Number.NaN }])]);
  expect(read()[0]).not.toHaveProperty("histograms");
});

test("that nothing was reset is for the store to find out, as it may have missed samples", () => {
  const { head, read } = setup();
  const hinted = (counterResetHint: "reset" | "not_reset") => histogram({ counterResetHint });
  head.ingest([write([at(1_000, hinted("reset")), at(2_000, hinted("not_reset"))])]);
  expect(read()[0]!.histograms!.map((one) => one!.counterResetHint)).toEqual(["reset", "unknown"]);
});

test(
  "histograms of any size may come late, are told from others at their time, and keep their order",
  { timeout: 30_000 },
  () => {
    const { head, read } = setup();
    const timesMs = Array.from({ length: 130 }, (_, index) => 1_000 + ((index * 57) % 130) * 100);
    for (const timestampMs of timesMs) {
      const one = wide(timestampMs, (timestampMs / 100) % 250);
      expect(head.ingest([write([at(timestampMs, one)])]).samplesStored).toBe(1);
      expect(head.ingest([write([at(timestampMs, one)])])).toMatchObject({
        samplesStored: 0,
        histogramsRefused: 0,
      });
      const { refused, histogramsRefused } = head.ingest([write([at(timestampMs, histogram())])]);
      expect([...refused, histogramsRefused]).toEqual([["duplicate", 1], 1]);
    }
    const [series] = read();
    const wanted = timesMs.toSorted((a, b) => a - b);
    expect([...series!.timestampsMs]).toEqual(wanted);
    expect(series!.histograms).toEqual(
      wanted.map((timestampMs) => wide(timestampMs, (timestampMs / 100) % 250)),
    );
  },
);

test("one that is older than the window, and one beyond 16 KiB, are refused", () => {
  const { head } = setup({ outOfOrderWindowMs: 5_000 });
  head.ingest([write([at(100_000, histogram())])]);
  const { refused } = head.ingest([write([at(90_000, histogram()), at(101_000, wide(1, 20_000))])]);
  expect([...refused]).toEqual([
    ["out_of_order", 1],
    ["histogram_too_large", 1],
  ]);
});

test("a histogram that repeats the last one takes no more room than a float", async () => {
  const { head, sizeBytes } = setup();
  for (let index = 0; index < 60; index += 1) head.ingest([write([at(1_000 + index, wide(1, 500))])]);
  // One block of columns, and four for a histogram of some 4 KiB.
  expect(await sizeBytes()).toBeLessThanOrEqual(5 * 1_056);
});

test("what is older than the retention is given back, block by block", { timeout: 30_000 }, async () => {
  const { head, clock, read, sizeBytes } = setup({ retentionMs: 100_000 });
  let largest = 0;
  for (let index = 0; index < 1_500; index += 1) {
    clock.ms += 1_000;
    head.ingest([write([at(clock.ms, wide(index, 200))])]);
    if (index === 300) largest = await sizeBytes();
  }
  expect(await sizeBytes()).toBeLessThanOrEqual(largest * 2);
  const { histograms } = read()[0]!;
  expect(histograms!.at(-1)).toEqual(wide(1_499, 200));
  expect(histograms!.every((one) => one !== undefined)).toBe(true);
  clock.ms += 200_000;
  head.ingest([]);
  expect(await sizeBytes()).toBe(0);
});
