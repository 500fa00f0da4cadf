import { expect, test } from "vitest";
import {
  isStaleAt,
  labelsFromRecord,
  labelsToRecord,
  type Exemplar,
  type Matcher,
  type MatchOperator,
  type SampleWrite,
  type SeriesWrite,
} from "../model/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { createHead, openHeadReader, type HeadSettings } from "./index.ts";

const everything = { startMs: -Infinity, endMs: Infinity };

function setup(settings: Partial<HeadSettings> = {}) {
  const clock = { ms: 1_000_000, nowMs: () => clock.ms, setTimer: () => () => {} };
  const telemetry = createTelemetry();
  const head = createHead({ retentionMs: 3_600_000, seriesMax: 10_000, clock, telemetry, ...settings });
  return { head, clock, telemetry };
}

function series(
  labels: Record<string, string>,
  samples: readonly (readonly [number, number] | SampleWrite)[],
  more: Partial<SeriesWrite> = {},
): SeriesWrite {
  return {
    labels: labelsFromRecord(labels),
    type: "counter",
    help: "",
    unit: "",
    startTimestampMs: 0,
    samples: samples.map((sample) =>
      "timestampMs" in sample ? sample : { timestampMs: sample[0], value: sample[1] },
    ),
    exemplars: [],
    ...more,
  };
}

/** The one element of a list that must have one. */
function only<T>(list: readonly T[]): T {
  expect(list).toHaveLength(1);
  return list.at(0)!;
}

const matcher = (name: string, operator: MatchOperator, value: string): Matcher => ({
  name,
  operator,
  value,
});
const named = (name: string) => [matcher("__name__", "=", name)];

test("samples come back in columns, ascending, clipped to a range whose ends are included", () => {
  const { head } = setup();
  const samples = Array.from({ length: 200 }, (_, index) => [1_000 + index * 10, index] as const);
  const result = head.ingest([series({ __name__: "a" }, samples), series({ __name__: "b" }, [[1_000, 7]])]);
  expect(result.samplesStored).toBe(201);
  expect(result.touched).toHaveLength(2);
  const found = only(head.select(named("a"), { startMs: 1_500, endMs: 1_530 }));
  expect(found.labels).toEqual(["__name__", "a"]);
  expect([...found.timestampsMs]).toEqual([1_500, 1_510, 1_520, 1_530]);
  expect([...found.values]).toEqual([50, 51, 52, 53]);
  expect(only(head.select(named("a"), everything)).values).toHaveLength(200);
  expect(head.select(named("a"), { startMs: 1_501, endMs: 1_509 })).toEqual([]);
});

test("a label that a series lacks has the value empty, for every operator", () => {
  const { head } = setup();
  head.ingest([
    series({ __name__: "m", a: "x" }, [[1_000, 1]]),
    series({ __name__: "m", a: "y", b: "1" }, [[1_000, 2]]),
    series({ __name__: "m", b: "2" }, [[1_000, 3]]),
  ]);
  const check = (matchers: readonly Matcher[], expected: readonly number[]) =>
    expect([
      matchers,
      Float64Array.from(head.select(matchers, everything), (each) => each.values.at(-1)!).sort(),
    ]).toEqual([matchers, Float64Array.from(expected)]);
  check([matcher("a", "=", "x")], [1]);
  check([matcher("a", "=", "")], [3]);
  check([matcher("a", "!=", "x")], [2, 3]);
  check([matcher("a", "!=", "")], [1, 2]);
  check([matcher("a", "=~", "x|y")], [1, 2]);
  check([matcher("a", "=~", "(?i)X")], [1]);
  check([matcher("a", "=~", "x|")], [1, 3]);
  check([matcher("a", "=~", ".*")], [1, 2, 3]);
  check([matcher("a", "=~", ".+")], [1, 2]);
  check([matcher("a", "!~", "x")], [2, 3]);
  check([matcher("a", "!~", ".+")], [3]);
  check([matcher("a", "!~", "x|")], [2]);
  check([matcher("none", "=", "")], [1, 2, 3]);
  check([matcher("none", "=", "z")], []);
  check([matcher("none", "!=", "z")], [1, 2, 3]);
  check([matcher("__name__", "=", "m"), matcher("a", "!=", "x"), matcher("b", "=~", "[12]")], [2, 3]);
  check([], [1, 2, 3]);
});

test("a staleness marker keeps its bits, in this thread's arrays and beside another NaN", () => {
  const { head } = setup();
  head.ingest([
    series({ __name__: "a" }, [[1, 5], [2, Number.NaN], { timestampMs: 3, value: 0, isStale: true }]),
  ]);
  const { values } = only(openHeadReader(head.handle()).select(named("a"), everything));
  expect([0, 1, 2].map((index) => isStaleAt(values, index))).toEqual([false, false, true]);
  expect(new BigUint64Array(values.buffer)[2]).toBe(0x7ff0000000000002n);
  expect(new BigUint64Array(values.buffer)[1]).toBe(0x7ff8000000000001n);
});

test("the same sample again changes nothing; another value at its time is refused as duplicate", () => {
  const { head } = setup();
  const write = series({ __name__: "a" }, [
    [1, 5],
    [2, Number.NaN],
    { timestampMs: 3, value: 0, isStale: true },
  ]);
  head.ingest([write]);
  const again = head.ingest([write]);
  expect(again).toMatchObject({ touched: [], samplesStored: 0 });
  expect(again.refused.size).toBe(0);
  const other = head.ingest([
    series({ __name__: "a" }, [
      [1, 6],
      [2, 5],
      [3, Number.NaN],
    ]),
  ]);
  expect([...other.refused]).toEqual([["duplicate", 3]]);
  expect(only(head.select(named("a"), everything)).timestampsMs).toHaveLength(3);
});

test("a late sample is put in its place within the window and refused beyond it", () => {
  const { head } = setup({ outOfOrderWindowMs: 5_000 });
  const times = Array.from({ length: 300 }, (_, index) => 10_000 + index * 100);
  const late = times.filter((_, index) => index % 3 === 1 && index > 260);
  const inTime = times.filter((time) => !late.includes(time));
  head.ingest([
    series(
      { __name__: "a" },
      inTime.map((time) => [time, time]),
    ),
  ]);
  const result = head.ingest([
    series(
      { __name__: "a" },
      late.toReversed().map((time) => [time, time]),
    ),
  ]);
  expect(result.refused.size).toBe(0);
  const found = only(head.select(named("a"), everything));
  expect([...found.timestampsMs]).toEqual(times);
  expect([...found.values]).toEqual(times);
  expect([...head.ingest([series({ __name__: "a" }, [[10_050, 1]])]).refused]).toEqual([["out_of_order", 1]]);
});

test("any order of arrival gives the series that a sorted list would give", () => {
  let seed = 7;
  const random = (below: number) => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % below;
  for (let round = 0; round < 20; round += 1) {
    const { head } = setup({ outOfOrderWindowMs: 1e9 });
    const expected = new Map<number, number>();
    for (let step = 0; step < 400; step += 1) {
      const time = 1 + random(300);
      head.ingest([series({ __name__: "a" }, [[time, step]])]);
      if (!expected.has(time)) expected.set(time, step);
    }
    const sorted = [...expected].toSorted(([a], [b]) => a - b);
    const found = only(head.select(named("a"), everything));
    expect([...found.timestampsMs]).toEqual(sorted.map(([time]) => time));
    expect([...found.values]).toEqual(sorted.map(([, value]) => value));
    const startMs = random(300);
    const inRange = sorted.filter(([time]) => time >= startMs && time <= startMs + 40);
    const [clipped] = head.select(named("a"), { startMs, endMs: startMs + 40 });
    expect([...(clipped?.timestampsMs ?? [])]).toEqual(inRange.map(([time]) => time));
  }
});

test("a series over the limit is refused and counted, those that are there go on", async () => {
  const { head, telemetry } = setup({ seriesMax: 2 });
  const write = (name: string, time: number) => series({ __name__: name }, [[time, 1]]);
  const result = head.ingest([write("a", 1), write("b", 1), write("c", 1), write("a", 2)]);
  expect([...result.refused]).toEqual([["series_limit", 1]]);
  expect(result.samplesStored).toBe(3);
  const metrics = (await telemetry.snapshot()) as { name: string }[];
  expect(metrics.find(({ name }) => name === "quartet_store_refused_samples_total")).toMatchObject({
    values: [{ labels: { reason: "series_limit" }, value: 1 }],
  });
});

test("labels out of order, doubled or empty, and times that are no whole number, are refused by reason", () => {
  const { head } = setup();
  const write = (labels: readonly string[], timestampMs = 1): SeriesWrite => ({
    ...series({}, [[timestampMs, 1]]),
    labels,
  });
  const bad = [["b", "1", "a", "1"], ["a", "1", "a", "2"], ["a", ""], [], ["a"], ["a", "x\uFFFFy"]];
  expect([...head.ingest(bad.map((labels) => write(labels))).refused]).toEqual([
    ["invalid_labels", bad.length],
  ]);
  expect([...head.ingest([write(["a", "1"], Number.NaN)]).refused]).toEqual([["invalid_timestamp", 1]]);
  head.ingest([write(["a", "1", "b", "2"])]);
  expect([...head.ingest([write(["a", "1\uFFFFb\uFFFF2"])]).refused]).toEqual([["invalid_labels", 1]]);
  expect(head.series([], everything)).toEqual([["a", "1", "b", "2"]]);
});

test("old blocks are given back, and a series that ended before the retention leaves the index", async () => {
  const { head, clock, telemetry } = setup({ retentionMs: 60_000, arenaBytesMax: 64 * 1024 });
  clock.ms = 0;
  head.ingest([series({ __name__: "ended" }, [[1, 1]])]);
  // 20,000 samples are 320 KiB, five times what the arena may hold.
  for (; clock.ms < 20_000 * 50; clock.ms += 50) {
    expect(head.ingest([series({ __name__: "alive" }, [[clock.ms, clock.ms]])]).refused.size).toBe(0);
  }
  expect(head.series([], everything)).toEqual([["__name__", "alive"]]);
  const found = only(head.select(named("alive"), { startMs: clock.ms - 60_000, endMs: clock.ms }));
  expect(found.timestampsMs).toHaveLength(1_200);
  expect([...head.ingest([series({ __name__: "alive" }, [[1, 1]])]).refused]).toEqual([["too_old", 1]]);
  expect(head.lastSampleMs(["__name__", "alive"])).toBe(clock.ms - 50);
  expect(head.lastSampleMs(["__name__", "ended"])).toBeUndefined();
  const metrics = (await telemetry.snapshot()) as { name: string }[];
  expect(metrics.find(({ name }) => name === "quartet_store_series")).toMatchObject({
    values: [{ value: 1 }],
  });
});

test("what a writer noted of its series is of no account when the series has left and another has its slot", () => {
  const { head, clock } = setup({ retentionMs: 60_000 });
  const memo = { slot: -1, generation: -1 };
  const valuesOf = (name: string) =>
    head.select(named(name), everything).flatMap(({ values }) => [...values]);
  const write = (name: string, value: number) =>
    head.ingest([series({ __name__: name }, [[clock.ms, value]], { memo })]);
  write("a", 1);
  clock.ms += 1_000;
  write("a", 2);
  expect(valuesOf("a")).toEqual([1, 2]);
  const { slot } = memo;
  expect(slot).toBeGreaterThanOrEqual(0);
  clock.ms += 120_000;
  head.ingest([]);
  expect(head.series(named("a"), everything)).toEqual([]);
  head.ingest([series({ __name__: "b" }, [[clock.ms, 3]])]);
  write("a", 4);
  expect([valuesOf("a"), valuesOf("b")]).toEqual([[4], [3]]);
  // It was "b" that got the slot.
  expect(memo.slot).not.toBe(slot);
});

test("a full arena refuses samples by reason and recovers when old ones leave", () => {
  const { head, clock } = setup({ retentionMs: 10_000, arenaBytesMax: 64 * 1024 });
  const writes = Array.from({ length: 200 }, (_, index) =>
    series({ __name__: `m${index}` }, [[clock.ms, 1]]),
  );
  const first = head.ingest(writes);
  expect(first.refused.get("memory_limit")).toBeGreaterThan(0);
  clock.ms += 20_000;
  head.ingest([]);
  const later = head.ingest([series({ __name__: "later" }, [[clock.ms, 1]])]);
  expect(later).toMatchObject({ samplesStored: 1 });
});

test("exemplars come back by range; the newest are kept, an older one is refused", () => {
  const { head } = setup();
  const exemplar = (timestampMs: number): Exemplar => ({
    labels: ["span_id", "00f067aa0ba902b7", "trace_id", timestampMs.toString(16).padStart(32, "0")],
    value: timestampMs / 2,
    timestampMs,
  });
  for (let time = 1; time <= 500; time += 1) {
    head.ingest([series({ __name__: "a" }, [[time, time]], { exemplars: [exemplar(time)] })]);
  }
  head.ingest([series({ __name__: "a" }, [[501, 1]], { exemplars: [exemplar(3)] })]);
  const found = only(head.exemplars(named("a"), everything));
  const times = found.exemplars.map((each) => each.timestampMs);
  expect(times.at(-1)).toBe(500);
  expect(times).toEqual(Array.from({ length: times.length }, (_, index) => 501 - times.length + index));
  expect(times.length).toBeGreaterThan(20);
  expect(times.length).toBeLessThan(40);
  expect(only(head.exemplars(named("a"), { startMs: 499, endMs: 499 })).exemplars).toEqual([exemplar(499)]);
  expect(head.exemplars(named("none"), everything)).toEqual([]);
});

test("names, values, series and metadata answer for what has a sample in the range", () => {
  const { head } = setup();
  const more = { type: "histogram", help: "How long.", unit: "seconds" } as const;
  head.ingest([
    series({ __name__: "d_bucket", le: "1", job: "a" }, [[1, 1]], more),
    series({ __name__: "up", job: "b" }, [[100, 1]], { type: "gauge" }),
  ]);
  expect(head.labelNames([], everything)).toEqual(["__name__", "job", "le"]);
  expect(head.labelNames([], { startMs: 50, endMs: 200 })).toEqual(["__name__", "job"]);
  expect(head.labelValues("job", [], everything)).toEqual(["a", "b"]);
  expect(head.labelValues("le", named("up"), everything)).toEqual([]);
  expect(head.series([matcher("job", "=~", "a|b")], { startMs: 0, endMs: 1 }).map(labelsToRecord)).toEqual([
    { __name__: "d_bucket", le: "1", job: "a" },
  ]);
  expect(head.metadata().get("d")).toEqual(more);
  expect(head.metadata().get("up")).toEqual({ type: "gauge", help: "", unit: "" });
});

test("a reader follows series that come and go, through compactions of the catalogue", () => {
  const { head, clock } = setup({ retentionMs: 5_000 });
  const reader = openHeadReader(head.handle());
  for (let round = 0; round < 300; round += 1) {
    clock.ms += 1_000;
    const pod = (number: number) => ({ __name__: "up", pod: `shop-${number}-${"x".repeat(40)}` });
    const fresh = Array.from({ length: 20 }, (_, index) =>
      series(pod(round * 20 + index), [[clock.ms, round]]),
    );
    head.ingest([...fresh, series({ __name__: "steady" }, [[clock.ms, round]])]);
    if (round % 7 === 0) expect(only(reader.select(named("steady"), everything)).values.at(-1)).toBe(round);
  }
  const alive = reader.series(named("up"), { startMs: clock.ms - 5_000, endMs: clock.ms });
  const own = head.series(named("up"), { startMs: clock.ms - 5_000, endMs: clock.ms });
  expect(new Set(alive.map((labels) => labels[3]))).toEqual(new Set(own.map((labels) => labels[3])));
  expect(alive).toHaveLength(120);
  expect(reader.labelValues("pod", [], { startMs: 0, endMs: 1_200_000 })).toEqual([]);
  // 6,000 series of some 100 bytes have passed through; the log was compacted on the way.
  expect(new Int32Array(head.handle().control)[0]).toBeGreaterThan(1);
});

test("a metric whose type is told later than its first sample is described then", () => {
  const { head } = setup();
  const unknown = { type: "unknown" } as const;
  head.ingest([series({ __name__: "a_total" }, [[1_000, 1]], unknown)]);
  expect(head.metadata().size).toBe(0);
  head.ingest([series({ __name__: "a_total" }, [[2_000, 2]], { help: "How many." })]);
  head.ingest([series({ __name__: "a_total" }, [[3_000, 3]], unknown)]);
  expect(head.metadata().get("a_total")).toEqual({ type: "counter", help: "How many.", unit: "" });
});

test("what a batch would have refused is told beforehand, and nothing has changed", () => {
  const { head, clock } = setup({ seriesMax: 2, outOfOrderWindowMs: 100 });
  clock.ms = 10_000_000;
  const nowMs = clock.ms;
  head.ingest([series({ __name__: "known" }, [[nowMs, 1]])]);
  const good = series({ __name__: "new" }, [[nowMs, 1]]);
  const batch = [
    series({ __name__: "known" }, [
      [nowMs - 4_000_000, 1],
      [nowMs - 101, 1],
      [nowMs - 100, 1],
    ]),
    good,
    good,
    series({ __name__: "over" }, [[nowMs, 1]]),
    { ...series({}, [[nowMs, 1]]), labels: ["b", "1", "a", "2"] },
  ];
  const { admitted, refused } = head.admit(batch);
  expect(Object.fromEntries(refused)).toEqual({
    too_old: 1,
    out_of_order: 1,
    series_limit: 1,
    invalid_labels: 1,
  });
  expect(admitted).toEqual([series({ __name__: "known" }, [[nowMs - 100, 1]]), good, good]);
  expect(head.admit([good]).admitted).toEqual([good]);
  expect(head.series([], everything)).toHaveLength(1);
});

test("the statistics of a reader name every series, and the ends of all samples", () => {
  const { head } = setup();
  const { statistics } = openHeadReader(head.handle());
  expect(statistics()).toEqual({
    series: [],
    blockCount: 0,
    minTimeMs: undefined,
    maxTimeMs: undefined,
  });
  head.ingest([
    series({ __name__: "a" }, [
      [1_000, 1],
      [3_000, 2],
    ]),
    series({ __name__: "b" }, [[2_000, 1]]),
  ]);
  expect(statistics()).toEqual({
    series: [
      ["__name__", "a"],
      ["__name__", "b"],
    ],
    blockCount: 2,
    minTimeMs: 1_000,
    maxTimeMs: 3_000,
  });
});
