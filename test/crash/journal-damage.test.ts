import { copyFile, mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import {
  createJournalShared,
  openStreamReader,
  openStreamWriter,
  readSegments,
} from "../../packages/collector/src/journal/index.ts";
import { createTelemetry, type Log } from "../../packages/collector/src/telemetry/index.ts";
import { openTempDir } from "../support/index.ts";

const stream = "spans";

async function writeRecords(
  dir: string,
  texts: readonly string[],
  segmentSizeBytesMax = 1_000_000,
): Promise<void> {
  const writer = await openStreamWriter({ dir, stream, shared: createJournalShared(), segmentSizeBytesMax });
  for (const text of texts)
    await writer.append({ payload: [Buffer.from(text)], itemCount: 2, receivedAtMs: 1 });
  await writer.close();
}

function readTexts(dir: string): string[] {
  const texts: string[] = [];
  for (const { payload } of readSegments({ dir, stream })) texts.push(Buffer.from(payload).toString());
  return texts;
}

function segmentFile(dir: string, baseOffset: number): string {
  return join(dir, "journal", stream, `${String(baseOffset).padStart(20, "0")}.seg`);
}

async function changeByte(path: string, position: number, change: (byte: number) => number): Promise<void> {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  byte[0] = change(byte[0]!);
  await file.write(byte, 0, 1, position);
  await file.close();
}

/** Makes the CRC of a changed header right again. */
async function sealHeader(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 92);
  await writeFile(path, bytes);
}

test("a last record torn at any byte is cut off and counted, the others stay, and appending goes on", async () => {
  await using folder = await openTempDir("journal-torn");
  const whole = join(folder.path, "whole");
  await writeRecords(whole, ["first", "second", "the last one"]);
  const bytes = await readFile(segmentFile(whole, 0));
  const lastSizeBytes = 32 + "the last one".length;
  for (let cut = 1; cut <= lastSizeBytes; cut += 1) {
    const dir = join(folder.path, String(cut));
    await mkdir(join(dir, "journal", stream), { recursive: true });
    await writeFile(segmentFile(dir, 0), bytes.subarray(0, bytes.length - cut));
    const telemetry = createTelemetry();
    const writer = await openStreamWriter({ dir, stream, shared: createJournalShared(), telemetry });
    const position = await writer.append({ payload: [Buffer.from("new")], itemCount: 1, receivedAtMs: 1 });
    await writer.close();
    expect(position.offset).toBe(2);
    expect(readTexts(dir)).toEqual(["first", "second", "new"]);
    expect(await valueOf(telemetry, "quartet_journal_torn_tails_total")).toBe(cut === lastSizeBytes ? 0 : 1);
  }
});

test("a last record with any byte changed is cut off", async () => {
  await using folder = await openTempDir("journal-flipped");
  const whole = join(folder.path, "whole");
  await writeRecords(whole, ["first", "second", "the last one"]);
  const { length } = await readFile(segmentFile(whole, 0));
  for (let back = 1; back <= 32 + "the last one".length; back += 1) {
    const dir = join(folder.path, String(back));
    await mkdir(join(dir, "journal", stream), { recursive: true });
    await copyFile(segmentFile(whole, 0), segmentFile(dir, 0));
    await changeByte(segmentFile(dir, 0), length - back, (byte) => byte ^ 0x55);
    await writeRecords(dir, ["new"]);
    expect(readTexts(dir)).toEqual(["first", "second", "new"]);
  }
});

test("of a sealed segment with a damaged record the consumer loses that record only, and it is counted", async () => {
  await using folder = await openTempDir("journal-damaged");
  const dir = folder.path;
  const texts = Array.from({ length: 30 }, (_, index) => `${index}:${"y".repeat(200)}`);
  await writeRecords(dir, texts, 2_000);
  expect((await readdir(join(dir, "journal", stream))).length).toBeGreaterThan(3);
  // The payload of record 2, then the length in the header of record 4.
  const recordSizeBytes = 32 + texts[2]!.length;
  await changeByte(segmentFile(dir, 0), 96 + 2 * recordSizeBytes + 100, (byte) => byte + 1);
  await changeByte(segmentFile(dir, 0), 96 + 4 * recordSizeBytes + 11, () => 0x7f);
  const expected = texts.filter((_, index) => index !== 2 && index !== 4);
  expect(readTexts(dir)).toEqual(expected);
  const shared = createJournalShared();
  const telemetry = createTelemetry();
  const writer = await openStreamWriter({ dir, stream, shared });
  const reader = openStreamReader({ dir, stream, consumer: "derive", shared, telemetry });
  const seen: string[] = [];
  for (;;) {
    const records = reader.read({ sizeBytesMax: 10_000 });
    if (records.length === 0) break;
    seen.push(...records.map(({ payload }) => Buffer.from(payload).toString()));
  }
  expect(seen).toEqual(expected);
  expect(reader.lost()).toEqual({ records: 2, items: 4 });
  expect(await valueOf(telemetry, "quartet_journal_lost_records_total")).toBe(2);
  expect(await valueOf(telemetry, "quartet_journal_broken_bytes_total")).toBe(2 * recordSizeBytes);
  reader.close();
  await writer.close();
});

test("damage inside the newest segment costs its own record: the others stay, with a copy of the segment aside and an error", async () => {
  await using folder = await openTempDir("journal-inner");
  const dir = folder.path;
  const texts = ["first", "second", "third", "fourth"].map((text) => text.padEnd(300, "."));
  await writeRecords(dir, texts);
  // Random bytes over the header of the second record and what follows it.
  for (let at = 0; at < 80; at += 1) await changeByte(segmentFile(dir, 0), 96 + 332 + at, () => 0xa5);
  const before = await readFile(segmentFile(dir, 0));
  for (let start = 0; start < 2; start += 1) {
    const telemetry = createTelemetry();
    const log = createRecordingLog();
    const writer = await openStreamWriter({ dir, stream, shared: createJournalShared(), telemetry, log });
    await writer.append({ payload: [Buffer.from(`new ${start}`)], itemCount: 1, receivedAtMs: 1 });
    await writer.close();
    expect(log.errors).toEqual([expect.stringMatching(/damaged before its end.*"sizeBytes":332/)]);
    expect(await valueOf(telemetry, "quartet_journal_damaged_segments_total")).toBe(1);
    expect(await valueOf(telemetry, "quartet_journal_torn_tails_total")).toBe(0);
  }
  expect(readTexts(dir)).toEqual([texts[0], texts[2], texts[3], "new 0", "new 1"]);
  const copies = await readdir(join(dir, "journal", "damaged"));
  expect(copies).toEqual(["spans-00000000000000000000.seg"]);
  expect(await readFile(join(dir, "journal", "damaged", copies[0]!))).toEqual(before);
});

test("of a segment with a damaged header every record is kept, and the sums of the stream stay exact", async () => {
  await using folder = await openTempDir("journal-header");
  for (const name of ["only", "one of many"]) {
    const dir = join(folder.path, name);
    const texts = Array.from({ length: 12 }, (_, index) => `${index}`.padEnd(200, "h"));
    await writeRecords(dir, texts, name === "only" ? 1_000_000 : 1_000);
    const shared = createJournalShared();
    const first = await openStreamWriter({ dir, stream, shared });
    const reader = openStreamReader({ dir, stream, consumer: "derive", shared });
    reader.seek(11);
    reader.commit(11);
    reader.close();
    await first.close();
    for (const file of await readdir(join(dir, "journal", stream))) {
      const path = join(dir, "journal", stream, file);
      for (let at = 0; at < 96; at += 1) await changeByte(path, at, (byte) => byte ^ 0x5a);
    }
    const again = createJournalShared();
    const log = createRecordingLog();
    const writer = await openStreamWriter({ dir, stream, shared: again, log });
    expect(log.errors.length).toBeGreaterThan(0);
    const next = openStreamReader({ dir, stream, consumer: "other", shared: again });
    const derive = openStreamReader({ dir, stream, consumer: "derive", shared: again });
    expect(derive.lag()).toMatchObject({ records: 1, items: 2, bytes: 200 });
    expect(next.lag()).toMatchObject({ records: 12, items: 24, bytes: 2_400 });
    expect(readTexts(dir)).toEqual(texts);
    next.close();
    derive.close();
    await writer.close();
  }
});

test("a directory of format 1 is migrated at the start: records, cursors and sums are as they were, and no file of it is left", async () => {
  await using folder = await openTempDir("journal-v1");
  const dir = folder.path;
  await mkdir(join(dir, "journal", stream), { recursive: true });
  await mkdir(join(dir, "journal", "cursors"));
  // Written by version 0.1.0: 12 records in three segments, of 1, 2, 3 … items.
  const fixture = join(import.meta.dirname, "journal-v1");
  for (const file of await readdir(fixture))
    await copyFile(join(fixture, file), join(dir, "journal", stream, file));
  const cursor = JSON.stringify({ version: 1, offset: 5, items: 15, bytes: 285 });
  await writeFile(join(dir, "journal", "cursors", `${stream}.derive.json`), cursor);
  expect((await readFile(segmentFile(dir, 0))).readUInt16LE(8)).toBe(1);
  const before = readTexts(dir);
  const shared = createJournalShared();
  const log = createRecordingLog();
  const writer = await openStreamWriter({ dir, stream, shared, log });
  expect(log.errors).toEqual([]);
  const reader = openStreamReader({ dir, stream, consumer: "derive", shared });
  expect(reader.lag()).toMatchObject({ records: 7, items: 6 + 7 + 8 + 9 + 10 + 11 + 12 });
  const newer = await writer.append({ payload: [Buffer.from("new")], itemCount: 1, receivedAtMs: 1 });
  expect(newer.offset).toBe(12);
  expect(reader.read({ sizeBytesMax: 1_000_000 })[0]).toMatchObject({
    position: { offset: 5 },
    itemCount: 6,
    receivedAtMs: 1_790_000_000_005,
  });
  reader.close();
  await writer.close();
  expect(before).toHaveLength(12);
  expect(before[3]).toBe(`record 3 ${"v1 ".repeat(40)}`);
  expect(readTexts(dir)).toEqual([...before, "new"]);
  for (const file of await readdir(join(dir, "journal", stream))) {
    expect((await readFile(join(dir, "journal", stream, file))).readUInt16LE(8)).toBe(2);
  }
});

test("a whole record inside another record's payload is never taken for one", async () => {
  await using folder = await openTempDir("journal-inside");
  const other = join(folder.path, "other");
  await writeRecords(other, ["a", "evil"]);
  const inside = (await readFile(segmentFile(other, 0))).subarray(96).toString("latin1");
  const dir = join(folder.path, "dir");
  const writer = await openStreamWriter({ dir, stream, shared: createJournalShared() });
  const payload = [Buffer.from(inside, "latin1")];
  await writer.append({ payload, itemCount: 1, receivedAtMs: 1 });
  await writer.append({ payload: [Buffer.from("b")], itemCount: 1, receivedAtMs: 1 });
  await writer.close();
  await changeByte(segmentFile(dir, 0), 96 + 5, (byte) => byte + 1);
  expect(readTexts(dir)).toEqual(["b"]);
});

test("a segment or cursor of a newer version is refused by name", async () => {
  await using folder = await openTempDir("journal-newer");
  const dir = folder.path;
  await writeRecords(dir, ["a"]);
  await changeByte(segmentFile(dir, 0), 8, () => 3);
  const openWriter = () => openStreamWriter({ dir, stream, shared: createJournalShared() });
  await expect(openWriter()).rejects.toMatchObject({
    code: "QUARTET_JOURNAL_VERSION",
    message: expect.stringMatching(
      /0\.seg was written by a newer version of Quartet \(format 3\)/,
    ) as unknown,
  });
  expect(() => readTexts(dir)).toThrow(/newer version/);
  await changeByte(segmentFile(dir, 0), 8, () => 2);
  // A flag that this version does not know is as good as a newer version; the header's CRC is that of the changed header.
  await changeByte(segmentFile(dir, 0), 12, () => 2);
  await sealHeader(segmentFile(dir, 0));
  await expect(openWriter()).rejects.toMatchObject({ code: "QUARTET_JOURNAL_VERSION" });
  await changeByte(segmentFile(dir, 0), 12, () => 0);
  await sealHeader(segmentFile(dir, 0));
  await (await openWriter()).close();
  await mkdir(join(dir, "journal", "cursors"));
  const cursor = JSON.stringify({ version: 2, offset: 0, items: 0, bytes: 0 });
  await writeFile(join(dir, "journal", "cursors", `${stream}.derive.json`), cursor);
  expect(() => openStreamReader({ dir, stream, consumer: "derive", shared: createJournalShared() })).toThrow(
    expect.objectContaining({ code: "QUARTET_JOURNAL_VERSION" }) as Error,
  );
});

test("a damaged cursor costs repetitions, no records", async () => {
  await using folder = await openTempDir("journal-cursor");
  const dir = folder.path;
  await writeRecords(dir, ["a", "b"]);
  await mkdir(join(dir, "journal", "cursors"));
  await writeFile(join(dir, "journal", "cursors", `${stream}.derive.json`), "{ not json");
  const shared = createJournalShared();
  const writer = await openStreamWriter({ dir, stream, shared });
  const reader = openStreamReader({ dir, stream, consumer: "derive", shared });
  expect(reader.read({ sizeBytesMax: 1_000 })).toHaveLength(2);
  reader.close();
  await writer.close();
});

/** Keeps the errors as text. */
function createRecordingLog(): Log & { readonly errors: string[] } {
  const errors: string[] = [];
  const pass = (): void => undefined;
  const error = (message: string, fields?: object): void =>
    void errors.push(`${message} ${JSON.stringify(fields)}`);
  return { errors, info: pass, warn: pass, error };
}

async function valueOf(telemetry: ReturnType<typeof createTelemetry>, name: string): Promise<number> {
  const metrics = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
  const metric = metrics.find((candidate) => candidate.name === name);
  return (metric?.values ?? []).reduce((sum, { value }) => sum + value, 0);
}
