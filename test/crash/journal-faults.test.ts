import { expect, test } from "vitest";
import {
  createJournalShared,
  openStreamReader,
  openStreamWriter,
  readSegments,
  type SegmentStreamWriter,
} from "../../packages/collector/src/journal/index.ts";
import type { Clock, JournalBatch } from "../../packages/collector/src/model/index.ts";
import { SimulatedDisk, type DiskFault, type DiskOperation } from "./simulated-disk.ts";

const dir = "/data";
const stream = "spans";

function createClock(): Clock & { advance(byMs: number): void } {
  let nowMs = 0;
  return { nowMs: () => nowMs, setTimer: () => () => undefined, advance: (byMs) => void (nowMs += byMs) };
}

function segmentsOn(disk: SimulatedDisk): readonly string[] {
  return disk.list(`${dir}/journal/${stream}`).filter((name) => name.endsWith(".seg"));
}

function batchOf(text: string): JournalBatch {
  return { payload: [Buffer.from(text)], itemCount: 1, receivedAtMs: 0 };
}

function textsOn(disk: SimulatedDisk): string[] {
  const texts: string[] = [];
  for (const { payload } of readSegments({ dir, stream, files: disk }))
    texts.push(Buffer.from(payload).toString());
  return texts;
}

/** A disk whose operations fail while `fault.code` is set. */
function createFaultyDisk(): {
  disk: SimulatedDisk;
  fault: { code?: DiskFault; operation?: DiskOperation; times: number };
} {
  const fault: { code?: DiskFault; operation?: DiskOperation; times: number } = {
    times: Number.POSITIVE_INFINITY,
  };
  const disk = new SimulatedDisk({
    fault(operation) {
      if (fault.code === undefined || fault.times <= 0) return undefined;
      if (fault.operation !== undefined && fault.operation !== operation) return undefined;
      fault.times -= 1;
      return fault.code;
    },
  });
  return { disk, fault };
}

function open(
  disk: SimulatedDisk,
  clock: Clock,
  more: { segmentSizeBytesMax?: number } = {},
): Promise<SegmentStreamWriter> {
  return openStreamWriter({ dir, stream, shared: createJournalShared(), files: disk, clock, ...more });
}

test("after one failed sync the records go to a new segment and are acknowledged; they survive the power cut that follows", async () => {
  const { disk, fault } = createFaultyDisk();
  const writer = await open(disk, createClock());
  await writer.append(batchOf("before"));
  Object.assign(fault, { code: "EIO", operation: "sync", times: 1 });
  const positions = await Promise.all([writer.append(batchOf("one")), writer.append(batchOf("two"))]);
  expect(positions.map(({ offset }) => offset)).toEqual([1, 2]);
  expect(disk.list(`${dir}/journal/${stream}`)).toEqual([
    "00000000000000000000.seg",
    "00000000000000000001.seg",
  ]);
  const after = disk.reboot({ isTorn: false });
  expect(textsOn(after)).toEqual(["before", "one", "two"]);
});

test("while the disk fails appends are refused as unavailable, and it recovers by itself", async () => {
  const { disk, fault } = createFaultyDisk();
  const clock = createClock();
  const writer = await open(disk, clock);
  await writer.append(batchOf("a"));
  Object.assign(fault, { code: "EIO" });
  const refusals = await Promise.allSettled([writer.append(batchOf("b")), writer.append(batchOf("c"))]);
  for (const refusal of refusals) {
    expect(refusal).toMatchObject({ reason: { code: "QUARTET_JOURNAL_UNAVAILABLE", retryAfterMs: 1_000 } });
  }
  // For a moment it does not even try.
  await expect(writer.append(batchOf("d"))).rejects.toMatchObject({ code: "QUARTET_JOURNAL_UNAVAILABLE" });
  delete fault.code;
  clock.advance(1_000);
  expect((await writer.append(batchOf("e"))).offset).toBe(1);
  expect((await writer.append(batchOf("f"))).offset).toBe(2);
  expect(textsOn(disk.reboot({ isTorn: false }))).toEqual(["a", "e", "f"]);
});

test("a full disk refuses, corrupts nothing, and appends go on when space returns", async () => {
  const { disk } = createFaultyDisk();
  const clock = createClock();
  const shared = createJournalShared();
  const writer = await openStreamWriter({
    dir,
    stream,
    shared,
    files: disk,
    clock,
    segmentSizeBytesMax: 2_000,
  });
  const kept: string[] = [];
  disk.sizeBytesMax = 5_000;
  let refusedCount = 0;
  for (let index = 0; index < 40; index += 1) {
    const text = `${index}:${"x".repeat(300)}`;
    const [result] = await Promise.allSettled([writer.append(batchOf(text))]);
    if (result.status === "fulfilled") kept.push(text);
    else {
      refusedCount += 1;
      expect(result.reason).toMatchObject({ code: "QUARTET_JOURNAL_UNAVAILABLE" });
    }
    if (index === 30) disk.sizeBytesMax = Number.POSITIVE_INFINITY;
    clock.advance(1_000);
  }
  expect(refusedCount).toBeGreaterThan(10);
  expect(kept.at(-1)).toMatch(/^39:/);
  expect(textsOn(disk)).toEqual(kept);
  expect(textsOn(disk.reboot({ isTorn: false }))).toEqual(kept);
  const reader = openStreamReader({ dir, stream, consumer: "derive", shared, files: disk, clock });
  const read: string[] = [];
  for (
    let records = reader.read({ sizeBytesMax: 500 });
    records.length > 0;
    records = reader.read({ sizeBytesMax: 500 })
  ) {
    read.push(...records.map(({ payload }) => Buffer.from(payload).toString()));
  }
  expect(read).toEqual(kept);
});

test("on a full disk a cursor still moves on, so that segments can go and space returns", async () => {
  const { disk } = createFaultyDisk();
  const clock = createClock();
  const shared = createJournalShared();
  const writer = await openStreamWriter({
    dir,
    stream,
    shared,
    files: disk,
    clock,
    segmentSizeBytesMax: 1_000,
  });
  const reader = openStreamReader({ dir, stream, consumer: "derive", shared, files: disk, clock });
  reader.commit(0);
  for (let index = 0; index < 8; index += 1) await writer.append(batchOf("x".repeat(600)));
  reader.read({ sizeBytesMax: 1 });
  reader.commit(1);
  for (let records = reader.read({ sizeBytesMax: 1 }); records.length > 0;)
    records = reader.read({ sizeBytesMax: 1 });
  disk.sizeBytesMax = 1;
  reader.commit(8);
  await writer.retain();
  expect(segmentsOn(disk)).toHaveLength(1);
  // What is kept to be written over is given back to a disk that fails, and else after a minute.
  expect(disk.list(`${dir}/journal/${stream}`).length).toBeGreaterThan(1);
  clock.advance(61_000);
  await writer.retain();
  await expect.poll(() => disk.list(`${dir}/journal/${stream}`)).toHaveLength(1);
  const next = openStreamReader({
    dir,
    stream,
    consumer: "derive",
    shared,
    files: disk.reboot({ isTorn: false }),
    clock,
  });
  expect(next.nextOffset).toBe(8);
});

test("appends that wait at the same time share one sync", async () => {
  const { disk } = createFaultyDisk();
  const writer = await open(disk, createClock());
  await writer.append(batchOf("first"));
  const before = disk.syncCount;
  const first = writer.append(batchOf("a"));
  // Let the first one get under way; what comes now shares the next sync.
  await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([
    first,
    ...Array.from({ length: 300 }, (_, index) => writer.append(batchOf(String(index)))),
  ]);
  expect(disk.syncCount - before).toBe(2);
});

test("a cursor behind the end, whose records a power cut took, is set back to the end", async () => {
  const { disk, fault } = createFaultyDisk();
  const clock = createClock();
  const writer = await open(disk, clock);
  for (const text of ["a", "b", "c"]) await writer.append(batchOf(text));
  const after = disk.reboot({ isTorn: false });
  const cursor = { version: 1, offset: 90, items: 90, bytes: 90 };
  after.createFolder(`${dir}/journal/cursors`);
  const fd = after.createForWrite(`${dir}/journal/cursors/${stream}.derive.json`);
  after.writeNow(fd, Buffer.from(JSON.stringify(cursor)), 0);
  expect(fault.code).toBeUndefined();
  const shared = createJournalShared();
  const reopened = await openStreamWriter({ dir, stream, shared, files: after, clock });
  await reopened.append(batchOf("d"));
  const reader = openStreamReader({ dir, stream, consumer: "derive", shared, files: after, clock });
  expect(reader.read({ sizeBytesMax: 1_000 }).map(({ payload }) => Buffer.from(payload).toString())).toEqual([
    "d",
  ]);
});

test("offsets and sums go on when power fails while the last segment is gone and the next one not yet on disk", async () => {
  let isFailing = false;
  const disk = new SimulatedDisk({
    // What was removed or written is found so after the cut.
    random: () => 0,
    fault: (operation, path) =>
      isFailing && operation === "write" && path.endsWith(".seg") ? "EIO" : undefined,
  });
  const clock = createClock();
  const shared = createJournalShared();
  const consumers = [{ name: "derive", kind: "state" }] as const;
  const options = { dir, stream, files: disk, clock, consumers, segmentSizeBytesMax: 1_000 } as const;
  const writer = await openStreamWriter({ ...options, shared });
  const reader = openStreamReader({ dir, stream, consumer: "derive", shared, files: disk, clock });
  await writer.append({ ...batchOf("x".repeat(600)), itemCount: 7 });
  expect(reader.read({ sizeBytesMax: 1_000 })).toHaveLength(1);
  reader.commit(1);
  isFailing = true;
  await expect(writer.append(batchOf("y".repeat(600)))).rejects.toMatchObject({
    code: "QUARTET_JOURNAL_UNAVAILABLE",
  });
  await writer.retain();
  const after = disk.reboot({ isTorn: true });
  expect(after.list(`${dir}/journal/${stream}`)).toEqual([]);
  const again = createJournalShared();
  const next = await openStreamWriter({ ...options, files: after, shared: again });
  expect((await next.append(batchOf("z"))).offset).toBe(1);
  const derive = openStreamReader({ dir, stream, consumer: "derive", shared: again, files: after, clock });
  expect(derive.lag()).toMatchObject({ records: 1, items: 1, bytes: 1 });
  expect(derive.read({ sizeBytesMax: 1_000 }).map(({ position }) => position.offset)).toEqual([1]);
});
