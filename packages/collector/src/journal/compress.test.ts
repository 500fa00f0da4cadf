import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { AccountingReader, Clock } from "../model/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { nodeFiles, type JournalFiles } from "./files.ts";
import { readSegments } from "./read-segments.ts";
import { openStreamReader } from "./reader.ts";
import { createJournalShared } from "./shared.ts";
import { openStreamWriter } from "./writer.ts";
import type { SegmentStreamWriter, StreamWriterOptions } from "./writer-options.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const stream = "spans";
const consumers = [{ name: "derive", kind: "state" }] as const;
const clock: Clock = { nowMs: () => 1_000_000, setTimer: () => () => undefined };

interface Opened {
  readonly dir: string;
  readonly shared: ReturnType<typeof createJournalShared>;
  readonly writer: SegmentStreamWriter;
  openReader(consumer: string, files?: JournalFiles): AccountingReader;
}

async function open(more: Partial<StreamWriterOptions> = {}): Promise<Opened> {
  const dir = more.dir ?? mkdtempSync(join(tmpdir(), "quartet-compress-"));
  folders.push(dir);
  const shared = createJournalShared();
  const settings = { dir, stream, shared, consumers, clock, segmentSizeBytesMax: 1_500_000 } as const;
  const compression = { afterMs: 0, share: 1 };
  const writer = await openStreamWriter({ ...settings, compression, ...more });
  const openReader = (consumer: string, files: JournalFiles = nodeFiles): AccountingReader =>
    openStreamReader({ dir, stream, shared, consumer, clock, files });
  return { dir, shared, writer, openReader };
}

/** Text of a record: nothing in it repeats another, but zstd finds enough. */
function textOf(index: number): string {
  return `${index}:${`span ${index * 7_919} of service ${index % 17}; `.repeat(400)}`;
}

async function appendMany(writer: SegmentStreamWriter, count: number): Promise<void> {
  const appends = Array.from({ length: count }, (_, index) => {
    const payload = [Buffer.from(textOf(index))];
    return writer.append({ payload, itemCount: index + 1, receivedAtMs: index });
  });
  await Promise.all(appends);
}

function expectText(record: { readonly payload: Uint8Array } | undefined, index: number): void {
  expect(Buffer.from(record!.payload).toString()).toBe(textOf(index));
}

function segmentFiles(dir: string): string[] {
  const folder = join(dir, "journal", stream);
  return readdirSync(folder)
    .filter((name) => name.endsWith(".seg"))
    .toSorted()
    .map((name) => join(folder, name));
}

const isCompressed = (path: string): boolean => readFileSync(path).readUInt32LE(12) === 1;

async function valueOf(telemetry: ReturnType<typeof createTelemetry>, name: string): Promise<number> {
  const metrics = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
  return metrics.find((candidate) => candidate.name === name)?.values[0]?.value ?? 0;
}

test(
  "sealed segments that somebody needs become small, and every reader sees the same records, sums and lag",
  { timeout: 30_000 },
  async () => {
    const telemetry = createTelemetry();
    const { dir, writer, openReader } = await open({ telemetry });
    await appendMany(writer, 500);
    const inTheMiddle = openReader("derive");
    for (let index = 0; index < 100; index += 1) expectText(inTheMiddle.read({ sizeBytesMax: 1 })[0], index);
    const lag = inTheMiddle.lag();
    const before = segmentFiles(dir).map((path) => statSync(path).size);
    expect(before.length).toBeGreaterThan(2);
    await writer.compact();
    const files = segmentFiles(dir);
    expect(files.map(isCompressed)).toEqual(before.map((_, index) => index < before.length - 1));
    const sizes = files.map((path) => statSync(path).size);
    for (const [index, size] of sizes.slice(0, -1).entries()) expect(size).toBeLessThan(before[index]! / 4);
    // The budget counts what is on disk.
    expect(await valueOf(telemetry, "quartet_journal_size_bytes")).toBe(sizes.reduce((a, b) => a + b));
    expect(await valueOf(telemetry, "quartet_journal_compressed_segments_total")).toBe(before.length - 1);
    // One that had a segment open goes on in it, and into the next one.
    expect(inTheMiddle.lag()).toEqual(lag);
    const rest: number[] = [];
    for (let records = inTheMiddle.read({ sizeBytesMax: 300_000 }); records.length > 0;) {
      for (const record of records) {
        expectText(record, record.position.offset);
        rest.push(record.position.offset);
      }
      records = inTheMiddle.read({ sizeBytesMax: 300_000 });
    }
    expect(rest).toEqual(Array.from({ length: 400 }, (_, index) => index + 100));
    expect(inTheMiddle.lost()).toEqual({ records: 0, items: 0 });
    // One that comes later begins in a compressed one; sums and lag are exact at every place.
    const late = openReader("late");
    for (const offset of [0, 1, 137, 250, 251, 499]) {
      expect(late.seek(offset)).toBe(offset);
      const items = (500 * 501) / 2 - (offset * (offset + 1)) / 2;
      expect(late.lag()).toMatchObject({ records: 500 - offset, items });
      expectText(late.read({ sizeBytesMax: 1 })[0], offset);
    }
    expect([...readSegments({ dir, stream })].map(({ position }) => position.offset)).toHaveLength(500);
    inTheMiddle.close();
    late.close();
    await writer.close();
  },
);

test("for one record a reader inflates a block or two, not the segment", { timeout: 30_000 }, async () => {
  const { writer, openReader } = await open();
  await appendMany(writer, 500);
  await writer.compact();
  let readSizeBytes = 0;
  const counting: JournalFiles = {
    ...nodeFiles,
    read(fd, into, position) {
      const size = nodeFiles.read(fd, into, position);
      readSizeBytes += size;
      return size;
    },
  };
  const whole = openReader("whole", counting);
  while (whole.read({ sizeBytesMax: 1_000_000 }).length > 0);
  const wholeSizeBytes = readSizeBytes;
  readSizeBytes = 0;
  const late = openReader("late", counting);
  late.seek(200);
  expectText(late.read({ sizeBytesMax: 1 })[0], 200);
  expect(readSizeBytes).toBeLessThan(wholeSizeBytes / 5);
  whole.close();
  late.close();
  await writer.close();
});

test(
  "a damaged block costs its own records, those before and behind it are read",
  { timeout: 30_000 },
  async () => {
    const { dir, writer, openReader } = await open();
    await appendMany(writer, 300);
    await writer.compact();
    const [path] = segmentFiles(dir);
    const bytes = readFileSync(path!);
    const blocks = [...bytes.toString("latin1").matchAll(/QBLK/g)].map(({ index }) => index);
    expect(blocks.length).toBeGreaterThan(5);
    // The frame of the third block, and the header of the fifth.
    bytes.fill(0x11, blocks[2]! + 60, blocks[2]! + 80);
    bytes.fill(0x11, blocks[4], blocks[4]! + 20);
    writeFileSync(path!, bytes);
    const reader = openReader("derive");
    const seen: number[] = [];
    for (let records = reader.read({ sizeBytesMax: 300_000 }); records.length > 0;) {
      for (const record of records) {
        expectText(record, record.position.offset);
        seen.push(record.position.offset);
      }
      records = reader.read({ sizeBytesMax: 300_000 });
    }
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(299);
    const lost = 300 - seen.length;
    expect(lost).toBeGreaterThan(20);
    expect(lost).toBeLessThan(70);
    expect(reader.lost().records).toBe(lost);
    reader.close();
    await writer.close();
  },
);

test(
  "nothing is compressed before it has stayed needed for a while, and what all have read is deleted instead",
  { timeout: 30_000 },
  async () => {
    let nowMs = 0;
    const timers: (() => void)[] = [];
    const turned: Clock = {
      nowMs: () => nowMs,
      setTimer: (callback) => (timers.push(callback), () => undefined),
    };
    const { dir, writer, openReader } = await open({
      clock: turned,
      compression: { afterMs: 60_000, share: 1 },
    });
    await appendMany(writer, 300);
    nowMs = 59_000;
    await writer.compact();
    expect(segmentFiles(dir).some(isCompressed)).toBe(false);
    const reader = openReader("derive");
    while (reader.read({ sizeBytesMax: 1_000_000 }).length > 0);
    reader.commit(300);
    await writer.retain();
    nowMs = 61_000;
    await writer.compact();
    expect(segmentFiles(dir).map(isCompressed)).toEqual([false]);
    reader.close();
    await writer.close();
  },
);

test("bytes that do not shrink are left as they are", { timeout: 30_000 }, async () => {
  const { dir, writer } = await open();
  for (let index = 0; index < 60; index += 1) {
    await writer.append({ payload: [randomBytes(150_000)], itemCount: 1, receivedAtMs: 0 });
  }
  await writer.compact();
  expect(segmentFiles(dir).length).toBeGreaterThan(2);
  expect(segmentFiles(dir).some(isCompressed)).toBe(false);
  expect(readdirSync(join(dir, "journal", stream)).some((name) => name.endsWith(".tmp"))).toBe(false);
  await writer.close();
});

test(
  "a segment that all have read while it was being compressed does not come back",
  { timeout: 30_000 },
  async () => {
    const syncing = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    let held = false;
    const slow: JournalFiles = {
      ...nodeFiles,
      async sync(fd) {
        // The sync of the compressed copy is the first one after `held` is set.
        if (held) {
          held = false;
          syncing.resolve();
          await released.promise;
        }
        return nodeFiles.sync(fd);
      },
    };
    const { dir, writer, openReader } = await open({ files: slow });
    await appendMany(writer, 150);
    expect(segmentFiles(dir)).toHaveLength(2);
    held = true;
    const compacting = writer.compact();
    await syncing.promise;
    const reader = openReader("derive");
    while (reader.read({ sizeBytesMax: 1_000_000 }).length > 0);
    reader.commit(150);
    await writer.retain();
    expect(segmentFiles(dir).filter((path) => path.endsWith(".seg"))).toHaveLength(1);
    released.resolve();
    await compacting;
    expect(segmentFiles(dir)).toHaveLength(1);
    reader.close();
    await writer.close();
  },
);

test(
  "without room for the copy the original stays, and the failure is counted",
  { timeout: 30_000 },
  async () => {
    const telemetry = createTelemetry();
    let isFull = false;
    const full: JournalFiles = {
      ...nodeFiles,
      async write(fd, buffers, position) {
        if (isFull) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
        return nodeFiles.write(fd, buffers, position);
      },
    };
    const { dir, writer } = await open({ files: full, telemetry });
    await appendMany(writer, 300);
    const before = segmentFiles(dir);
    isFull = true;
    await writer.compact();
    isFull = false;
    expect(segmentFiles(dir).filter((path) => path.endsWith(".seg"))).toEqual(before);
    expect(before.some(isCompressed)).toBe(false);
    expect(await valueOf(telemetry, "quartet_journal_failures_total")).toBe(1);
    expect([...readSegments({ dir, stream })]).toHaveLength(300);
    await writer.close();
  },
);

test(
  "after a restart a compressed segment is not written on, and offsets and sums go on",
  { timeout: 30_000 },
  async () => {
    const first = await open();
    await appendMany(first.writer, 150);
    await first.writer.compact();
    await first.writer.close();
    const [compressed, last] = segmentFiles(first.dir);
    rmSync(last!);
    const offset = Number(/(\d+)\.seg$/.exec(last!)![1]);
    const { writer, openReader } = await open({ dir: first.dir });
    expect(isCompressed(compressed!)).toBe(true);
    const next = await writer.append({ payload: [Buffer.from("new")], itemCount: 5, receivedAtMs: 0 });
    expect(next.offset).toBe(offset);
    const reader = openReader("derive");
    expect(reader.lag()).toMatchObject({ records: offset + 1, items: (offset * (offset + 1)) / 2 + 5 });
    reader.close();
    await writer.close();
  },
);
