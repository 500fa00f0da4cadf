import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { JournalRecord } from "../model/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { decodeDeadLetter } from "./dead-letter-format.ts";
import {
  openDeadLetters,
  openQuarantine,
  readDeadLetters,
  readSegments,
  settleDeadLetters,
  type KeptDeadLetter,
} from "./index.ts";
import { deadLetterFolder } from "./layout.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "quartet-dead-letters-"));
  folders.push(folder);
  return folder;
}

const consumer = "export.jaeger.traces";
const stream = "spans";

function recordOf(offset: number, payload: Uint8Array = Buffer.from(`payload ${offset}`)): JournalRecord {
  return { position: { stream, shard: 0, offset }, receivedAtMs: 1_000 + offset, itemCount: 3, payload };
}

function lettersIn(dir: string): { offset: number; reason: string; message: string; text: string }[] {
  return [...readSegments({ dir: deadLetterFolder(dir, consumer), stream })].map((record) => {
    const { note, payload } = decodeDeadLetter(record)!;
    expect(record).toMatchObject({ receivedAtMs: 1_000 + note.offset, itemCount: 3 });
    expect(note).toMatchObject({ version: 1, consumer, shard: 0 });
    const { offset, reason, message } = note;
    return { offset, reason, message, text: Buffer.from(payload).toString() };
  });
}

test("a dead letter keeps the bytes, the place and the reason, and one that is kept already is not kept twice", async () => {
  const dir = openFolder();
  const telemetry = createTelemetry();
  for (let run = 0; run < 2; run += 1) {
    const letters = openDeadLetters({ dir, stream, consumer, telemetry });
    for (const offset of [7, 9]) {
      const why = { reason: "refused", message: "400: bad span" };
      expect(await letters.append(recordOf(offset), why)).toBe("kept");
    }
    await letters.close();
    await letters.close();
  }
  expect(lettersIn(dir)).toEqual(
    [7, 9].map((offset) => ({
      offset,
      reason: "refused",
      message: "400: bad span",
      text: `payload ${offset}`,
    })),
  );
  expect(await valueOf(telemetry, "quartet_journal_dead_letter_records_total")).toBe(2);
  expect(await valueOf(telemetry, "quartet_journal_dead_letter_items_total")).toBe(6);
});

test("what is beyond the limit is given up and counted, and what was kept stays", async () => {
  const dir = openFolder();
  const telemetry = createTelemetry();
  const letters = openDeadLetters({ dir, stream, consumer, telemetry, sizeBytesMax: 200_000 });
  const outcomes: string[] = [];
  for (let offset = 0; offset < 10; offset += 1) {
    const record = recordOf(offset, Buffer.alloc(50_000, "x"));
    outcomes.push(await letters.append(record, { reason: "refused", message: "" }));
  }
  expect(outcomes).toEqual(["kept", "kept", "kept", ...Array.from({ length: 7 }, () => "full")]);
  await letters.close();
  expect(lettersIn(dir)).toHaveLength(3);
  expect(await valueOf(telemetry, "quartet_journal_dead_letters_given_up_total")).toBe(7);
});

test("a quarantine takes a copy at once and has it on disk when it says so", async () => {
  const dir = openFolder();
  const quarantine = openQuarantine({ dir, stream, consumer });
  const payload = Buffer.from("valid until the next read");
  quarantine.put(recordOf(0, payload), new Error("a span without an end"));
  quarantine.put(recordOf(1), "thrown text");
  payload.fill(0);
  await quarantine.settled();
  expect(lettersIn(dir)).toEqual([
    { offset: 0, reason: "threw", message: "a span without an end", text: "valid until the next read" },
    { offset: 1, reason: "threw", message: "thrown text", text: "payload 1" },
  ]);
  await quarantine.settled();
  await quarantine.close();
});

test("what a person is done with is listed no more, its space comes back, and numbers go on while others are kept", async () => {
  const dir = openFolder();
  const why = { reason: "refused", message: "" };
  const fill = async (offsets: readonly number[]): Promise<void> => {
    const letters = openDeadLetters({ dir, stream, consumer, sizeBytesMax: 1_000_000 });
    for (const offset of offsets) await letters.append(recordOf(offset, Buffer.alloc(50_000, "y")), why);
    await letters.close();
  };
  const listed = (): string[] =>
    [...readDeadLetters({ dir })].map(
      ({ number, note, consumer: of }: KeptDeadLetter) => `${of} ${number}: ${note.offset}`,
    );
  await fill([10, 11, 12, 13]);
  expect(listed()).toEqual([10, 11, 12, 13].map((offset) => `${consumer} ${offset - 10}: ${offset}`));
  settleDeadLetters({ dir }, { consumer, stream }, [0, 1, 2]);
  expect(listed()).toEqual([`${consumer} 3: 13`]);
  expect(lettersIn(dir)).toHaveLength(2);
  await fill([14]);
  expect(listed()).toEqual([`${consumer} 3: 13`, `${consumer} 4: 14`]);
  settleDeadLetters({ dir }, { consumer, stream }, [3, 4]);
  expect(listed()).toEqual([]);
  expect(lettersIn(dir)).toEqual([]);
  await fill([15]);
  expect(listed()).toEqual([`${consumer} 0: 15`]);
});

async function valueOf(telemetry: ReturnType<typeof createTelemetry>, name: string): Promise<number> {
  const metrics = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
  const metric = metrics.find((candidate) => candidate.name === name);
  return (metric?.values ?? []).reduce((sum, { value }) => sum + value, 0);
}
