import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createBlockWork } from "./block-work.ts";
import { createJournalShared, openStreamReader, openStreamWriter } from "./journal/index.ts";
import { labelsFromRecord, type SeriesWrite } from "./model/index.ts";
import { encodeSeriesBatch } from "./otlp/index.ts";
import { openStore, type OpenStore } from "./open-store.ts";
import { createTelemetry, type Log } from "./telemetry/index.ts";
import type { Remote } from "./thread.ts";

const hourMs = 3_600_000;
const minuteMs = 60_000;
const startMs = Math.floor(1_800_000_000_000 / (6 * hourMs)) * 6 * hourMs;

let dataDir: string;
let nowMs: number;
let errors: unknown[];
const stack: AsyncDisposableStack[] = [];
const clock = { nowMs: () => nowMs, setTimer: () => () => {} };
const log = {
  error: (...what: unknown[]) => errors.push(what),
  warn: () => {},
  info: () => {},
} as unknown as Log;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "quartet-store-"));
  nowMs = startMs;
  errors = [];
});
afterEach(async () => {
  for (const each of stack.splice(0)) await each.disposeAsync();
  await rm(dataDir, { recursive: true });
});

/** The store as a start finds it. What an earlier one still has open is what a killed process had. */
async function open({
  retentionMs = 48 * hourMs,
  snapshotBytes = 2 ** 40,
  sizeBytesMax = 2 ** 40,
  hasThread = false,
  onThread = (): unknown => undefined,
  outOfOrderWindowMs = 60_000,
} = {}) {
  const shared = createJournalShared();
  const telemetry = createTelemetry();
  const journal = { dir: dataDir, stream: "series", shared, clock, telemetry, log } as const;
  const writer = await openStreamWriter({ ...journal, sizeBytesMax: 2 ** 30 });
  const reader = openStreamReader({ ...journal, consumer: "store" });
  const own = new AsyncDisposableStack();
  own.defer(() => writer.close());
  own.defer(() => reader.close());
  stack.push(own);
  // A thread each time would be a hundred of them.
  const here = {
    call: async (method: "cut", params: never) =>
      createBlockWork(store.head, `${dataDir}/blocks`)[method](params),
  };
  const apart = (run: (remote: Remote) => Promise<void>) => {
    onThread();
    return run(here as unknown as Remote);
  };
  const store: OpenStore = await openStore({
    dataDir,
    ...(hasThread ? {} : { apart }),
    writer,
    reader,
    quarantine: { put: (_record, error) => expect.unreachable(String(error)), settled: async () => {} },
    onTouched: () => {},
    retention: { retentionMs, sizeBytesMax },
    seriesMax: 1_000,
    outOfOrderWindowMs,
    arenaBytesMax: 2 ** 24,
    catalogueBytesMax: 2 ** 22,
    snapshotBytes,
    clock,
    telemetry,
    log,
  });
  const values = (name = "requests_total") =>
    store.queryable
      .select([{ name: "__name__", operator: "=", value: name }], { startMs: -Infinity, endMs: Infinity })
      .flatMap((series) => [...series.values]);
  const counter = async (name: string) => {
    const metrics = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
    return metrics.find((metric) => metric.name === name)!.values.reduce((sum, { value }) => sum + value, 0);
  };
  return { ...store, reader, values, counter };
}

function write(value: number, timestampMs: number, name = "requests_total"): SeriesWrite {
  return {
    labels: labelsFromRecord({ __name__: name }),
    type: "counter",
    help: "",
    unit: "",
    startTimestampMs: 0,
    samples: [{ timestampMs, value }],
    exemplars: [],
  };
}

/** A sample a minute; the keeper looks once an hour. */
async function run(store: Awaited<ReturnType<typeof open>>, from: number, to: number): Promise<void> {
  for (let minute = from; minute < to; minute += 1) {
    nowMs = startMs + minute * minuteMs;
    await store.series.append([write(minute, nowMs)], nowMs);
    if (minute % 60 === 59) await store.keeper.look();
  }
}

const upTo = (count: number, from = 0) => Array.from({ length: count - from }, (_, index) => from + index);
const blocks = async () => {
  // The folder is made with the first block.
  const names = await readdir(join(dataDir, "blocks")).catch((): string[] => []);
  return names.filter((name) => name.endsWith(".block")).sort();
};

test("two hours become a block when they are an hour old, and the journal keeps what is younger", async () => {
  const store = await open({ hasThread: true });
  await run(store, 0, 3 * 60);
  expect(await blocks()).toEqual([]);
  await run(store, 3 * 60, 3 * 60 + 61);
  nowMs += minuteMs;
  await store.keeper.look();
  expect(await blocks()).toEqual([`${startMs}-${startMs + 2 * hourMs}.block`]);
  expect(store.values()).toEqual(upTo(241));
  // A sample that belongs into the block is too late.
  const late = await store.series.appendReceived(
    encodeSeriesBatch([write(1, startMs + hourMs, "late_total")]),
    nowMs,
  );
  expect(Object.fromEntries(late.refused)).toEqual({ too_old: 1 });
  const again = await open();
  expect(again.values()).toEqual(upTo(241));
  expect(again.series.takenBytes()).toBeLessThan(store.series.takenBytes());
  expect(again.reader.lag()).toMatchObject({ records: 0 });
  expect(errors).toEqual([]);
});

test("samples do not become a block while late ones may still come between them", async () => {
  const store = await open({ outOfOrderWindowMs: 3 * hourMs });
  await run(store, 0, 5 * 60 - 1);
  expect(await blocks()).toEqual([]);
  const { refused } = await store.series.appendReceived(
    encodeSeriesBatch([write(-1, startMs + 2 * hourMs + 1)]),
    nowMs,
  );
  expect(refused.size).toBe(0);
  await run(store, 5 * 60 - 1, 5 * 60 + 2);
  await store.keeper.look();
  expect(await blocks()).toEqual([`${startMs}-${startMs + 2 * hourMs}.block`]);
  expect(store.values()).toContain(-1);
  expect(store.values()).toHaveLength(5 * 60 + 3);
});

test("after a kill the store holds every sample once: from blocks, from the snapshot and from the stream behind it", async () => {
  const store = await open({ snapshotBytes: 500 });
  await run(store, 0, 7 * 60 + 17);
  expect(await store.counter("quartet_store_snapshots_total")).toBeGreaterThan(1);
  const again = await open();
  expect(again.values()).toEqual(upTo(437));
  // Only what came behind the last snapshot was read again.
  expect(again.series.takenBytes()).toBeLessThan(store.series.takenBytes() / 10);
  expect(again.series.lastTimestampMs()).toBe(startMs + 436 * minuteMs);
  // And it goes on from there.
  await run(again, 437, 12 * 60);
  const third = await open();
  expect(third.values()).toEqual(upTo(720));
  expect((await blocks()).length).toBeGreaterThan(1);
  expect(errors).toEqual([]);
});

test("a snapshot waits until as much has come as the last one holds", async () => {
  const store = await open({ snapshotBytes: 1 });
  const crowd = (value: number) =>
    Array.from({ length: 500 }, (_, number) => write(value + number / 7, nowMs, `crowd_${number}_total`));
  const snapshotsAfter = async (writes: readonly SeriesWrite[]) => {
    await store.series.append(writes, nowMs);
    nowMs += minuteMs;
    await store.keeper.look();
    return store.counter("quartet_store_snapshots_total");
  };
  expect(await snapshotsAfter(crowd(1))).toBe(1);
  expect(await snapshotsAfter([write(1, nowMs)])).toBe(1);
  expect(await snapshotsAfter(crowd(2))).toBe(2);
});

test("a thread is started for a block alone: not for a snapshot, and not when there is nothing to move", async () => {
  let threadCount = 0;
  const store = await open({ snapshotBytes: 500, onThread: () => (threadCount += 1) });
  await run(store, 0, 3 * 60 - 1);
  expect(await store.counter("quartet_store_snapshots_total")).toBeGreaterThan(0);
  expect(threadCount).toBe(0);
  await run(store, 3 * 60 - 1, 4 * 60);
  expect(threadCount).toBe(1);
});

test("a damaged snapshot costs time, no sample", async () => {
  const store = await open({ snapshotBytes: 500 });
  await run(store, 0, 5 * 60);
  await writeFile(join(dataDir, "blocks", "head.snapshot"), "no snapshot");
  const again = await open();
  expect(again.values()).toEqual(upTo(300));
  expect(errors).toHaveLength(1);
});

test("a collector that was off for long goes on with a gap, and what the head held before becomes a block", async () => {
  const store = await open();
  await run(store, 0, 30);
  nowMs = startMs + 20 * hourMs;
  const again = await open();
  await again.series.append([write(-1, nowMs)], nowMs);
  await again.keeper.look();
  expect(again.values()).toEqual([...upTo(30), -1]);
  expect(await blocks()).toEqual([`${startMs}-${startMs + 18 * hourMs}.block`]);
});

test("blocks are merged, and the oldest go by age", async () => {
  const store = await open({ retentionMs: 60 * hourMs });
  await run(store, 0, 10 * 60);
  expect(await blocks()).toEqual([
    `${startMs}-${startMs + 6 * hourMs}.block`,
    `${startMs + 6 * hourMs}-${startMs + 8 * hourMs}.block`,
  ]);
  expect(await store.counter("quartet_store_blocks_merged_total")).toBe(1);
  nowMs = startMs + 67 * hourMs;
  await store.keeper.look();
  expect(store.values()).toEqual(upTo(600, 360));
});

test("when a block cannot be written the head keeps its samples, and the next look writes it", async () => {
  const store = await open();
  await run(store, 0, 3 * 60);
  // A file in the place of the folder.
  await rm(join(dataDir, "blocks"), { recursive: true, force: true });
  await writeFile(join(dataDir, "blocks"), "");
  nowMs += 5 * minuteMs;
  await store.keeper.look();
  expect(await store.counter("quartet_store_failures_total")).toBeGreaterThan(0);
  await rm(join(dataDir, "blocks"));
  expect(store.values()).toEqual(upTo(180));
  await store.keeper.look();
  expect(await blocks()).toEqual([`${startMs}-${startMs + 2 * hourMs}.block`]);
  expect(store.values()).toEqual(upTo(180));
});
