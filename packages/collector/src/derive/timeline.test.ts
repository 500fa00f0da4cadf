import { expect, test } from "vitest";
import {
  labelsFromRecord,
  labelValue,
  metricNameLabel,
  type SampleWrite,
  type SeriesWrite,
} from "../model/index.ts";
import { createMemoryStream } from "./memory-journal.test-kit.ts";
import { createSeriesTable, type Family, type NewSeries } from "./series-table.ts";
import { createTimeline } from "./timeline.ts";

const family: Family = { type: "counter", help: "", unit: "" };
const settings = {
  stepMs: 1_000,
  settleMs: 10,
  watchedIntervalMs: 50,
  stepBytesMax: 1e6,
  readBytesMax: 1e6,
};

/** Counts the records of each stream in a series of the stream's name. */
function setup({ watched = [] as string[], writtenMs = -Infinity, known = [] as string[] } = {}) {
  const spans = createMemoryStream("spans");
  const logs = createMemoryStream("logs");
  const table = createSeriesTable({
    seriesMax: 100,
    stepMs: 1_000,
    heartbeatSteps: 15,
    isWatched: (labels) => watched.includes(labelValue(labels, metricNameLabel)),
    isKnown: (labels) => known.includes(labelValue(labels, metricNameLabel)),
  });
  const ids = new Map<string, number>();
  const counts = new Map<string, number>();
  const batches: SeriesWrite[][] = [];
  const promises: number[] = [];
  let stragglers = 0;
  const timeline = createTimeline({
    feeds: [
      { stream: "spans", reader: spans.openReader() },
      { stream: "logs", reader: logs.openReader() },
    ],
    table,
    counters: {
      count(stream) {
        counts.set(stream, (counts.get(stream) ?? 0) + 1);
        if (!ids.has(stream)) {
          ids.set(
            stream,
            table.add({ labels: ["__name__", stream], family, origin: { kind: "step_before" } }),
          );
        }
        table.set(ids.get(stream)!, counts.get(stream)!);
      },
      flush() {},
      closeGrid() {},
    },
    settings,
    startedAtMs: 0,
    writtenMs,
    write: (writes) => batches.push(structuredClone([...writes])),
    promise: (promisedMs) => promises.push(promisedMs),
    straggled: () => (stragglers += 1),
  });
  const receive = (stream: typeof spans, receivedAtMs: number) =>
    stream.append(new Uint8Array(1), receivedAtMs);
  const run = (nowMs: number, canWrite = true) => {
    let outcome = timeline.step(nowMs, canWrite);
    for (let steps = 0; outcome === "more" && steps < 10_000; steps += 1)
      outcome = timeline.step(nowMs, canWrite);
    return outcome;
  };
  const samplesOf = (name: string) =>
    batches.flat().flatMap(({ labels, samples }) => (labels[1] === name ? samples.map(asPair) : []));
  return {
    spans,
    logs,
    receive,
    run,
    batches,
    samplesOf,
    promises,
    timeline,
    table,
    stragglers: () => stragglers,
  };
}

const asPair = ({ timestampMs, value, isStale }: SampleWrite) => [timestampMs, isStale ? "stale" : value];

test("the sample at a grid point contains exactly the records received until then", () => {
  const { spans, receive, run, samplesOf } = setup();
  for (const time of [10_100, 10_999, 11_000, 11_001, 12_500]) receive(spans, time);
  run(13_500);
  expect(samplesOf("spans")).toEqual([
    [10_000, 0],
    [11_000, 3],
    [12_000, 4],
    [13_000, 5],
  ]);
});

test("a grid point stays open until every stream is known to hold nothing more for it", () => {
  const { spans, logs, receive, run, samplesOf, promises } = setup();
  receive(spans, 10_900);
  receive(spans, 11_200);
  run(11_009);
  expect(samplesOf("spans")).toEqual([]);
  receive(logs, 10_950);
  run(11_010);
  expect(samplesOf("spans")).toEqual([
    [10_000, 0],
    [11_000, 1],
  ]);
  expect(samplesOf("logs")).toEqual([
    [10_000, 0],
    [11_000, 1],
  ]);
  expect(promises).toContain(11_000);
});

test("with a later record in hand on every stream, a grid point closes whatever the wall clock says", () => {
  const { spans, logs, receive, run, samplesOf } = setup();
  for (const stream of [spans, logs]) for (const time of [10_500, 11_500]) receive(stream, time);
  run(0);
  expect(samplesOf("spans")).toEqual([
    [10_000, 0],
    [11_000, 1],
  ]);
});

test("a new counter begins with a 0 one step before its first sample, and says so as its start", () => {
  const { spans, receive, run, batches } = setup();
  receive(spans, 10_400);
  run(11_100);
  expect(batches[0]).toMatchObject([
    { startTimestampMs: 10_000, samples: [{ timestampMs: 10_000, value: 0 }, { timestampMs: 11_000 }] },
  ]);
});

test("a watched series is written at once with the time of the last record counted, others wait for the grid", () => {
  const { spans, logs, receive, run, samplesOf } = setup({ watched: ["spans"] });
  receive(spans, 10_300);
  receive(logs, 10_301);
  run(10_302);
  expect(samplesOf("spans")).toEqual([
    [9_301, 0],
    [10_301, 1],
  ]);
  expect(samplesOf("logs")).toEqual([]);
});

test("a watched series that keeps changing is written at most every 50 ms, and nothing is lost between", () => {
  const { spans, receive, run, samplesOf } = setup({ watched: ["spans"] });
  for (let time = 10_001; time < 11_000; time += 1) {
    receive(spans, time);
    run(time);
  }
  run(11_010);
  const samples = samplesOf("spans");
  expect(samples.length).toBeGreaterThan(15);
  expect(samples.length).toBeLessThan(25);
  expect(samples.at(-1)).toEqual([11_000, 999]);
  for (const [time, value] of samples.slice(1)) expect(value).toBe(Math.min(999, Number(time) - 10_000));
});

test("what is promised never covers a watched change that has not been written", () => {
  const { spans, receive, run, promises } = setup({ watched: ["spans"] });
  receive(spans, 10_100);
  run(10_101);
  receive(spans, 10_120);
  run(10_140);
  expect(promises.at(-1)).toBe(10_119);
  run(10_151);
  expect(promises.at(-1)).toBe(10_141);
});

test("no sample is stamped at or before what was promised, whenever records turn up", () => {
  const { spans, receive, run, batches, promises, stragglers } = setup({ watched: ["spans"] });
  let promised = -Infinity;
  let seen = 0;
  for (let now = 10_000; now < 16_000; now += 7) {
    // Every third record took 40 ms to the disk.
    receive(spans, now % 3 === 0 ? now - 40 : now);
    run(now);
    for (const { samples } of batches.slice(seen).flat()) {
      const last = samples.at(-1);
      expect(last?.timestampMs).toBeGreaterThan(promised);
    }
    seen = batches.length;
    promised = promises.at(-1) ?? promised;
  }
  expect(stragglers()).toBeGreaterThan(100);
});

test("an unchanged series is written every fifteen steps", () => {
  const { spans, receive, run, samplesOf } = setup();
  receive(spans, 10_100);
  for (let now = 10_200; now < 60_000; now += 500) run(now);
  const times = samplesOf("spans").map(([time]) => Number(time));
  expect(times.slice(0, 2)).toEqual([10_000, 11_000]);
  const gaps = times.slice(3).map((time, index) => time - (times.at(index + 2) ?? NaN));
  expect(gaps.length).toBeGreaterThanOrEqual(2);
  expect(new Set(gaps)).toEqual(new Set([15_000]));
});

test("a replay writes nothing at or before the last sample of the earlier run, and what changed after it", () => {
  const { spans, receive, run, samplesOf } = setup({ writtenMs: 12_000, known: ["spans"] });
  for (const time of [10_100, 11_100, 12_100]) receive(spans, time);
  run(13_100);
  expect(samplesOf("spans")).toEqual([[13_000, 3]]);
});

test("after a long silence the grid goes on from now instead of filling the gap", () => {
  const { spans, receive, run, samplesOf } = setup();
  receive(spans, 10_100);
  run(11_500);
  receive(spans, 7_200_100);
  run(7_201_500);
  const samples = samplesOf("spans");
  expect(samples.length).toBeLessThan(6);
  expect(samples.at(-1)).toEqual([7_201_000, 2]);
});

test("nothing is written while the last batch is under way, and then everything", () => {
  const { spans, receive, run, samplesOf } = setup({ watched: ["spans"] });
  receive(spans, 10_100);
  expect(run(10_200, false)).toBe("waiting");
  expect(run(11_500, false)).toBe("waiting");
  expect(samplesOf("spans")).toEqual([]);
  run(11_500);
  expect(samplesOf("spans")).toEqual([
    [10_000, 0],
    [11_000, 1],
  ]);
});

test("an ended series gets a staleness marker once; one that begins anew begins after it", () => {
  const { table } = setup();
  const series: NewSeries = {
    labels: labelsFromRecord({ __name__: "a" }),
    family,
    origin: { kind: "step_before" },
  };
  const first = table.add(series);
  table.set(first, 5);
  table.collectGrid(1_000);
  table.remove(first);
  expect(table.collectGrid(2_000).flatMap(({ samples }) => samples.map(asPair))).toEqual([[2_000, "stale"]]);
  const second = table.add(series);
  table.set(second, 1);
  expect(table.collectWatched(2_400)).toEqual([]);
  expect(table.collectGrid(3_000).flatMap(({ samples }) => samples.map(asPair))).toEqual([
    [2_001, 0],
    [3_000, 1],
  ]);
});

test("a full table refuses all but the overflow series", () => {
  const { table } = setup();
  const series = (name: string): NewSeries => ({
    labels: ["__name__", name],
    family,
    origin: { kind: "none" },
  });
  for (let index = 0; index < 100; index += 1) expect(table.add(series(`m${index}`))).toBe(index);
  expect(table.add(series("more"))).toBe(-1);
  expect(table.add({ ...series("overflow"), isOverflow: true })).toBe(100);
});
