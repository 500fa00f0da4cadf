import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Clock } from "../model/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { openStreamReader } from "./reader.ts";
import { readSegments } from "./read-segments.ts";
import { createJournalShared } from "./shared.ts";
import { openStreamWriter } from "./writer.ts";

const stream = "spans";
const kibibyte = 1024;

function makeDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "quartet-spare-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

/** The data directory as a killed process leaves it. */
function copyOf(dir: string): string {
  const copy = makeDir();
  cpSync(join(dir, "journal"), join(copy, "journal"), { recursive: true });
  return copy;
}

/** A stream of segments of 64 KiB, each for seven records, with one reader. */
async function open(dir: string, { sizeBytesMax = 100 * 64 * kibibyte } = {}) {
  const shared = createJournalShared();
  const telemetry = createTelemetry();
  let nowMs = 0;
  const clock: Clock = { nowMs: () => nowMs, setTimer: () => () => undefined };
  const writer = await openStreamWriter({
    dir,
    stream,
    shared,
    segmentSizeBytesMax: 64 * kibibyte,
    sizeBytesMax,
    consumers: [{ name: "derive", kind: "state" }],
    clock,
    telemetry,
  });
  const reader = openStreamReader({ dir, stream, consumer: "derive", shared, clock });
  const append = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      const payload = [Buffer.alloc(9 * kibibyte, index)];
      await writer.append({ payload, itemCount: 1, receivedAtMs: 0 });
    }
  };
  const readAll = async (): Promise<number> => {
    let count = 0;
    for (;;) {
      const { length } = reader.read({ sizeBytesMax: 1_000_000 });
      if (length === 0) break;
      count += length;
    }
    reader.commit(reader.nextOffset);
    await writer.retain();
    return count;
  };
  const valueOf = async (name: string): Promise<number> => {
    const metrics = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
    return metrics.find((metric) => metric.name === name)?.values[0]?.value ?? 0;
  };
  return { writer, reader, append, readAll, valueOf, advance: (byMs: number) => void (nowMs += byMs) };
}

const folderOf = (dir: string): string => join(dir, "journal", stream);
const namesIn = (dir: string, suffix: string): string[] =>
  readdirSync(folderOf(dir))
    .filter((name) => name.endsWith(suffix))
    .toSorted();
const sizeOf = (dir: string): number =>
  readdirSync(folderOf(dir)).reduce((sum, name) => sum + statSync(join(folderOf(dir), name)).size, 0);
const inodesOf = (dir: string, suffix: string): number[] =>
  namesIn(dir, suffix).map((name) => statSync(join(folderOf(dir), name)).ino);

test("the file of a segment that all have passed is written over by a later one, and readers see its records alone", async () => {
  const dir = makeDir();
  const { writer, append, readAll } = await open(dir);
  await append(8);
  const [first] = inodesOf(dir, ".seg");
  expect(await readAll()).toBe(8);
  expect(inodesOf(dir, ".spare.tmp")).toEqual([first]);
  await append(7);
  expect(inodesOf(dir, ".seg")).toContain(first);
  expect(await readAll()).toBe(7);
  await append(2);
  expect([...readSegments({ dir, stream })].map(({ position }) => position.offset)).toEqual([14, 15, 16]);
  await writer.close();
  // Neither spare files nor what a file held before is left behind.
  expect(namesIn(dir, ".tmp")).toEqual([]);
  expect(sizeOf(dir)).toBeLessThan(5 * 10 * kibibyte);
});

test("after a kill the records of a reused file are all there, and what it held before is not called torn", async () => {
  const dir = makeDir();
  const killed = await open(dir);
  await killed.append(8);
  await killed.readAll();
  await killed.append(8);
  expect(namesIn(dir, ".seg")).toHaveLength(2);
  const copy = copyOf(dir);
  const again = await open(copy);
  expect(await again.valueOf("quartet_journal_torn_bytes_total")).toBe(0);
  expect(await again.readAll()).toBe(8);
  await again.append(1);
  expect(await again.readAll()).toBe(1);
  await Promise.all([killed.writer.close(), again.writer.close()]);
});

test("after a kill before the first write to a reused file the stream goes on where it was", async () => {
  const dir = makeDir();
  const killed = await open(dir);
  await killed.append(8);
  await killed.readAll();
  const [spare] = namesIn(dir, ".spare.tmp");
  const copy = copyOf(dir);
  await copyFile(join(folderOf(dir), spare!), join(folderOf(copy), `${"8".padStart(20, "0")}.seg`));
  const again = await open(copy);
  expect(await again.valueOf("quartet_journal_torn_bytes_total")).toBe(0);
  expect(await again.valueOf("quartet_journal_damaged_segments_total")).toBe(0);
  await again.append(1);
  expect(again.reader.lag()).toMatchObject({ records: 1, items: 1 });
  expect(again.reader.nextOffset).toBe(8);
  await Promise.all([killed.writer.close(), again.writer.close()]);
});

test("spare files go when the budget needs their room, and when nobody wanted them for a minute", async () => {
  const dir = makeDir();
  const sizeBytesMax = 8 * 64 * kibibyte;
  const { writer, append, readAll, advance } = await open(dir, { sizeBytesMax });
  await append(36);
  await readAll();
  expect(namesIn(dir, ".spare.tmp")).toHaveLength(5);
  for (let round = 0; round < 7; round += 1) {
    await append(7);
    await expect.poll(() => sizeOf(dir)).toBeLessThanOrEqual(sizeBytesMax);
  }
  expect(await readAll()).toBe(49);
  expect(namesIn(dir, ".spare.tmp").length).toBeGreaterThan(1);
  advance(61_000);
  await writer.retain();
  await expect.poll(() => namesIn(dir, ".spare.tmp")).toEqual([]);
  await writer.close();
});

test("a file that cannot be taken is no loss: a new one is created", async () => {
  const dir = makeDir();
  const { writer, append, readAll, valueOf } = await open(dir);
  await append(8);
  await readAll();
  for (const name of namesIn(dir, ".spare.tmp")) rmSync(join(folderOf(dir), name));
  await append(7);
  expect(await readAll()).toBe(7);
  expect(await valueOf("quartet_journal_failures_total")).toBe(1);
  await writer.close();
});
