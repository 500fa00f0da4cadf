import {
  copyFile,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  labelsFromRecord,
  type Clock,
  type Matcher,
  type Queryable,
  type SelectOptions,
  type SeriesWrite,
} from "../../model/index.ts";
import { createTelemetry, type Log } from "../../telemetry/index.ts";
import { createHead } from "../head-writer.ts";
import { openBlock } from "./block-reader.ts";
import { announceBlocks, createBlocksHandle } from "./block-set.ts";
import { blockPath, listBlocks, listDamaged, removeLeftovers } from "./block-file.ts";
import {
  blockRangeMs,
  compactBlocks,
  deleteOldBlocks,
  refuseNewerBlocks,
  writeHeadBlock,
} from "./maintain.ts";
import { restoreSnapshot, writeSnapshot } from "./snapshot.ts";
import { openStoreReader } from "./store-reader.ts";

const hourMs = 3_600_000;
const firstMs = Math.floor(1_800_000_000_000 / (9 * blockRangeMs)) * 9 * blockRangeMs;
const clock: Clock = { nowMs: () => firstMs + 24 * hourMs, setTimer: () => () => {} };
const everything = { startMs: -Infinity, endMs: Infinity };
const everySeries: Matcher[] = [{ name: "__name__", operator: "=~", value: ".+" }];

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "quartet-blocks-"));
});
afterEach(() => rm(dir, { recursive: true }));

const newHead = () =>
  createHead({
    retentionMs: 48 * hourMs,
    seriesMax: 1_000,
    arenaBytesMax: 2 ** 25,
    clock,
    telemetry: createTelemetry(),
  });

function logOf(): { readonly log: Log; readonly errors: string[] } {
  const errors: string[] = [];
  const log = { error: (message: string) => errors.push(message) } as unknown as Log;
  return { log, errors };
}

function write(name: string, samples: SeriesWrite["samples"], instance = "a"): SeriesWrite {
  return {
    labels: labelsFromRecord({ __name__: name, instance }),
    type: "gauge",
    help: "",
    unit: "",
    startTimestampMs: 0,
    samples,
    exemplars: [],
  };
}

/** One sample a minute from one hour to another. */
const minutes = (fromHour: number, toHour: number) =>
  Array.from({ length: (toHour - fromHour) * 60 }, (_, minute) => ({
    timestampMs: firstMs + fromHour * hourMs + minute * 60_000,
    value: fromHour * 60 + minute,
  }));

/** By the series' labels, so that order does not count; NaN by its bits. */
function contents(queryable: Pick<Queryable, "select">, range = everything, matchers = everySeries): unknown {
  return Object.fromEntries(
    queryable
      .select(matchers, range, { hasStarts: true })
      .map(({ labels, timestampsMs, values, histograms, startTimestampsMs }): [string, unknown] => [
        labels.join(),
        {
          timestampsMs: Array.from(timestampsMs),
          bits: Array.from(
            new BigUint64Array(
              Float64Array.from(values, (value, at) => (histograms?.[at] ? 0 : value)).buffer,
            ),
          ),
          starts: Array.from(startTimestampsMs ?? []),
          histograms: histograms?.map((histogram) => histogram ?? null),
        },
      ])
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  );
}

/** Blocks of two hours each, from the beginning on. */
function cutInto(head: ReturnType<typeof newHead>, count: number): void {
  for (let block = 0; block < count; block += 1)
    writeHeadBlock(head, dir, {
      startMs: firstMs + block * blockRangeMs,
      endMs: firstMs + (block + 1) * blockRangeMs,
    });
}

const histogram = (count: number) => ({
  counterResetHint: "unknown" as const,
  schema: 3,
  zeroThreshold: 0.001,
  zeroCount: 1,
  count,
  sum: count * 1.5,
  positive: { indexes: [1, 2, 5], counts: [1, 2, count] },
  negative: { indexes: [], counts: [] },
  customValues: [],
});

function fill(head: ReturnType<typeof newHead>): void {
  head.ingest([
    write("steady", minutes(0, 12)),
    write("ended", [...minutes(0, 3), { timestampMs: firstMs + 3 * hourMs, value: 0, isStale: true }]),
    { ...write("late", minutes(7, 10)), startTimestampMs: firstMs - 1 },
    { ...write("late", minutes(10, 12)), startTimestampMs: firstMs + 10 * hourMs - 1 },
    {
      ...write("native", []),
      histograms: minutes(1, 12).map(({ timestampMs, value }) => ({
        timestampMs,
        counts: "integer" as const,
        histogram: histogram(value),
      })),
    },
  ]);
}

test("blocks and head together hold what the head held alone, whatever the range and however often they are merged", () => {
  const whole = newHead();
  fill(whole);
  cutInto(whole, 4);
  const rest = newHead();
  rest.closeBefore(firstMs + 4 * blockRangeMs);
  fill(rest);
  const handle = createBlocksHandle(dir);
  const { log, errors } = logOf();
  const store = openStoreReader(rest, handle, log);
  // The head may still hold what the blocks have.
  const both = openStoreReader(whole, handle, log);
  const expectSame = (range: { startMs: number; endMs: number }) => {
    const wanted = contents(whole, range);
    expect(contents(store, range)).toEqual(wanted);
    expect(contents(both, range)).toEqual(wanted);
    const newest = (options: SelectOptions) =>
      store.select(everySeries, range, options).map(({ values, labels }) => [labels, values.at(-1)]);
    expect(newest({ isNewestOnly: true })).toEqual(newest({}));
    for (const matchers of [everySeries, [{ name: "__name__", operator: "!=", value: "steady" } as const]])
      expect(store.labelValues("__name__", matchers, range)).toEqual(
        whole.labelValues("__name__", matchers, range),
      );
  };
  const check = () => {
    expectSame(everything);
    for (let from = -60; from < 13 * 60; from += 53) {
      for (const length of [0, 1, 59, 120, 121, 600]) {
        const startMs = firstMs + from * 60_000;
        expectSame({ startMs, endMs: startMs + length * 60_000 });
      }
    }
  };
  check();
  expect(compactBlocks(dir, 9 * blockRangeMs)).toBe(1);
  announceBlocks(handle);
  expect(listBlocks(dir)).toHaveLength(2);
  check();
  expect(errors).toEqual([]);
});

test("a block that is announced while a query reads takes nothing out of its answer", () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 4))]);
  cutInto(head, 1);
  const handle = createBlocksHandle(dir);
  const store = openStoreReader(head, handle, logOf().log);
  const count = (matchers: Matcher[]) =>
    store.select(matchers, everything).reduce((sum, { values }) => sum + values.length, 0);
  let asked = 0;
  // Asked once by the head and once by the block, and by then the writer is done with the next one.
  const matcher = {
    operator: "=" as const,
    value: "steady",
    get name() {
      asked += 1;
      if (asked === 2) {
        cutInto(head, 2);
        announceBlocks(handle);
      }
      return "__name__";
    },
  };
  expect(count([matcher])).toBe(240);
  expect(asked).toBeGreaterThan(1);
});

test("a stretch without a beginning begins at the even hour of the first sample", () => {
  const head = newHead();
  head.ingest([write("steady", minutes(3, 5))]);
  writeHeadBlock(head, dir, { startMs: -Infinity, endMs: firstMs + 4 * hourMs });
  expect(listBlocks(dir)).toMatchObject([{ startMs: firstMs + 2 * hourMs, endMs: firstMs + 4 * hourMs }]);
});

test("a stretch without samples makes no block", async () => {
  const head = newHead();
  expect(writeHeadBlock(head, dir, { startMs: firstMs, endMs: firstMs + blockRangeMs })).toBe(undefined);
  expect(await readdir(dir)).toEqual([]);
});

test("three blocks of two hours become one of six, three of those one of eighteen, and none longer than the bound", () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 18))]);
  cutInto(head, 9);
  expect(compactBlocks(dir, 9 * blockRangeMs)).toBe(4);
  expect(listBlocks(dir).map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
    [firstMs, firstMs + 9 * blockRangeMs],
  ]);
  const block = openBlock(listBlocks(dir)[0]!.path);
  expect(block.index.facts).toMatchObject({ seriesCount: 1, sampleCount: 18 * 60 });
  block.close();
});

test("a stretch that is not over yet is not merged", () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 4))]);
  cutInto(head, 2);
  expect(compactBlocks(dir, 9 * blockRangeMs)).toBe(0);
});

test("what a crash left behind is removed: unfinished files, and blocks that were merged already", async () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 6))]);
  cutInto(head, 3);
  const parents = await Promise.all(
    listBlocks(dir).map(async ({ path }) => [path, await readFile(path)] as const),
  );
  compactBlocks(dir, 3 * blockRangeMs);
  const merged = await readdir(dir);
  for (const [path, bytes] of parents) await writeFile(path, bytes);
  await writeFile(join(dir, "0-7200000.block.tmp"), "half a block");
  const handle = createBlocksHandle(dir);
  // Even before they are removed nobody reads them.
  expect(contents(openStoreReader(newHead(), handle, logOf().log))).toEqual(contents(head));
  removeLeftovers(dir);
  expect(await readdir(dir)).toEqual(merged);
});

test("the oldest blocks go when they are past the age, or when there are too many bytes", async () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 10))]);
  cutInto(head, 5);
  const nowMs = firstMs + 10 * hourMs;
  const retention = { retentionMs: 8 * hourMs, sizeBytesMax: Infinity };
  expect(deleteOldBlocks(dir, retention, nowMs)).toEqual({ age: 1, size: 0 });
  const { size } = await stat(listBlocks(dir)[0]!.path);
  expect(deleteOldBlocks(dir, { ...retention, sizeBytesMax: size * 3 }, nowMs)).toEqual({ age: 0, size: 1 });
  expect(listBlocks(dir)[0]!.startMs).toBe(firstMs + 2 * blockRangeMs);
});

test("what was moved aside goes when it is as old as samples may be, or when there are too many bytes", async () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 4))]);
  cutInto(head, 2);
  const nowMs = firstMs + 4 * hourMs;
  const [first] = listBlocks(dir);
  const aside = `${first!.path}.damaged`;
  const moveAside = async (atMs: number) => {
    await copyFile(first!.path, aside);
    await utimes(aside, atMs / 1_000, atMs / 1_000);
    expect(listDamaged(dir)).toEqual([aside]);
  };
  await moveAside(nowMs - 8 * hourMs);
  const retention = { retentionMs: 7 * hourMs, sizeBytesMax: Infinity };
  expect(deleteOldBlocks(dir, retention, nowMs)).toEqual({ age: 1, size: 0 });
  await moveAside(nowMs);
  expect(deleteOldBlocks(dir, retention, nowMs)).toEqual({ age: 0, size: 0 });
  const { size } = await stat(aside);
  expect(deleteOldBlocks(dir, { ...retention, sizeBytesMax: size * 2.5 }, nowMs)).toEqual({
    age: 0,
    size: 1,
  });
  expect([listDamaged(dir), listBlocks(dir).length]).toEqual([[], 2]);
});

test("a block damaged at any place is moved aside and reported, and the others answer", async () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 4))]);
  cutInto(head, 2);
  const [first, second] = listBlocks(dir);
  const good = await readFile(first!.path);
  const wanted = contents(head, { startMs: second!.startMs, endMs: second!.endMs });
  for (const at of [0, 40, good.length - 40, good.length - 30, good.length - 1]) {
    const flipped = Buffer.from(good);
    flipped[at]! ^= 0x55;
    await writeFile(first!.path, flipped);
    const { log, errors } = logOf();
    expect(contents(openStoreReader(newHead(), createBlocksHandle(dir), log))).toEqual(wanted);
    expect(errors).toHaveLength(1);
    expect(await readdir(dir)).toContain(`${first!.startMs}-${first!.endMs}.block.damaged`);
    expect(listBlocks(dir)).toHaveLength(1);
  }
  await writeFile(first!.path, good);
  await truncate(first!.path, good.length - 100);
  expect(contents(openStoreReader(newHead(), createBlocksHandle(dir), logOf().log))).toEqual(wanted);
});

test("a merge that meets a damaged block moves it aside, leaves no half block and goes on without it the next time", async () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 6))]);
  cutInto(head, 3);
  const bytes = await readFile(listBlocks(dir)[0]!.path);
  bytes[10]! ^= 1;
  await writeFile(listBlocks(dir)[0]!.path, bytes);
  expect(() => compactBlocks(dir, 3 * blockRangeMs)).toThrow(
    /0\.block is damaged: the checksum of chunk 0 is wrong/,
  );
  expect((await readdir(dir)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  expect(compactBlocks(dir, 3 * blockRangeMs)).toBe(1);
  expect(listBlocks(dir)).toHaveLength(1);
});

test("a block of a newer version is refused by name, not moved", async () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 2))]);
  cutInto(head, 1);
  const { path } = listBlocks(dir)[0]!;
  const bytes = await readFile(path);
  bytes.writeUInt32LE(2, bytes.length - 12);
  await writeFile(path, bytes);
  const store = openStoreReader(newHead(), createBlocksHandle(dir), logOf().log);
  const refusal = `${path} has version 2, this program knows 1`;
  expect(() => store.select(everySeries, everything)).toThrow(refusal);
  expect(() => refuseNewerBlocks(dir)).toThrow(refusal);
  expect(listBlocks(dir)).toHaveLength(1);
});

test("a block that is deleted while it is read stays readable, and is gone after that", async () => {
  const head = newHead();
  head.ingest([write("steady", minutes(0, 2))]);
  cutInto(head, 1);
  const handle = createBlocksHandle(dir);
  const store = openStoreReader(newHead(), handle, logOf().log);
  const wanted = contents(head);
  expect(contents(store)).toEqual(wanted);
  await rm(blockPath(dir, { startMs: firstMs, endMs: firstMs + blockRangeMs }));
  expect(contents(store)).toEqual(wanted);
  announceBlocks(handle);
  expect(contents(store)).toEqual({});
});

test("a head filled from a snapshot holds what the other held: samples, histograms, exemplars, metadata, place", async () => {
  const head = newHead();
  fill(head);
  const exemplar = { labels: ["trace_id", "abc"], value: 3, timestampMs: firstMs };
  head.ingest([{ ...write("steady", []), help: "It is.", exemplars: [exemplar] }]);
  const place = { journalId: "a", offset: 7, lastTimestampMs: 5 };
  await writeSnapshot(head, { dir, place });
  const again = newHead();
  expect(restoreSnapshot(again, dir, logOf().log)).toEqual(place);
  expect(contents(again)).toEqual(contents(head));
  expect(again.exemplars(everySeries, everything)).toEqual(head.exemplars(everySeries, everything));
  expect(again.metadata()).toEqual(head.metadata());
  // What was cut since is in blocks.
  const cut = newHead();
  cut.closeBefore(firstMs + 7 * hourMs);
  restoreSnapshot(cut, dir, logOf().log);
  expect(contents(cut)).toEqual(contents(head, { startMs: firstMs + 7 * hourMs, endMs: Infinity }));
});

test("a damaged snapshot is moved aside and reported, and none is no error", async () => {
  const { log, errors } = logOf();
  expect(restoreSnapshot(newHead(), dir, log)).toBe(undefined);
  expect(errors).toEqual([]);
  const head = newHead();
  fill(head);
  await writeSnapshot(head, { dir, place: {} });
  const path = join(dir, "head.snapshot");
  const bytes = await readFile(path);
  bytes[100]! ^= 1;
  await writeFile(path, bytes);
  expect(restoreSnapshot(newHead(), dir, log)).toBe(undefined);
  expect(errors).toEqual(["the snapshot of the store is damaged; the head is filled from the journal"]);
  expect(await readdir(dir)).toEqual(["head.snapshot.damaged"]);
});
