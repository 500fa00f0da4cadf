import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { countJournaledItems, holdJournal, readSegments } from "./read-segments.ts";
import { openStreamReader } from "./reader.ts";
import { createJournalShared } from "./shared.ts";
import { openStreamWriter } from "./writer.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "quartet-segments-"));
  folders.push(folder);
  return folder;
}

test("a journal that somebody holds keeps every segment, and its items can be counted from the files", async () => {
  const dir = openFolder();
  holdJournal({ dataDir: dir, consumer: "demo" });
  holdJournal({ dataDir: dir, consumer: "demo" });
  const shared = createJournalShared();
  const consumers = [{ name: "derive", kind: "state" }] as const;
  const writer = await openStreamWriter({
    dir,
    stream: "spans",
    shared,
    segmentSizeBytesMax: 1_000,
    consumers,
  });
  const reader = openStreamReader({ dir, stream: "spans", shared, consumer: "derive" });
  for (let index = 0; index < 20; index += 1) {
    await writer.append({ payload: [Buffer.alloc(400)], itemCount: 7, receivedAtMs: 0 });
  }
  while (reader.read({ sizeBytesMax: 10_000 }).length > 0) reader.commit(reader.nextOffset);
  await writer.retain();
  expect(readdirSync(join(dir, "journal", "spans")).length).toBeGreaterThan(5);
  // While the writer is at work and after it.
  expect(countJournaledItems({ dataDir: dir, stream: "spans" })).toBe(140);
  reader.close();
  await writer.close();
  expect(countJournaledItems({ dataDir: dir, stream: "spans" })).toBe(140);
  expect(countJournaledItems({ dataDir: dir, stream: "logs" })).toBe(0);
});

test("an exporter's name cannot hold the journal", () => {
  expect(() => holdJournal({ dataDir: openFolder(), consumer: "export.jaeger.traces" })).toThrow(RangeError);
});

test("segments that are deleted while they are read are left out", async () => {
  const dir = openFolder();
  const shared = createJournalShared();
  const writer = await openStreamWriter({ dir, stream: "spans", shared, segmentSizeBytesMax: 1_000 });
  for (let index = 0; index < 10; index += 1) {
    await writer.append({ payload: [Buffer.alloc(900)], itemCount: 1, receivedAtMs: 0 });
  }
  const offsets: number[] = [];
  for (const { position } of readSegments({ dir, stream: "spans" })) {
    offsets.push(position.offset);
    if (position.offset === 2) rmSync(join(dir, "journal", "spans", "00000000000000000005.seg"));
  }
  expect(offsets).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
  await writer.close();
});
