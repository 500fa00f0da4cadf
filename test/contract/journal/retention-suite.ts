import { beforeEach, expect, test } from "vitest";
import { openQuarantine, readDeadLetters } from "../../../packages/collector/src/journal/index.ts";
import type { Clock, StreamWriter } from "../../../packages/collector/src/model/index.ts";
import { openTempDir } from "../../support/index.ts";
import { batchOf, count, createStillClock, drain, nowMs, textOf, type JournalEngine } from "./engine.ts";

/** What every engine owes of keeping and dropping, and of putting aside. */
export function testRetention(openEngine: (clock: Clock) => Promise<JournalEngine>): void {
  let clock = createStillClock();
  beforeEach(() => void (clock = createStillClock()));
  const open = () => openEngine(clock);

  test("what derive has not read makes appends refuse when the budget is spent, until it has", async () => {
    await using engine = await open();
    const consumers = [{ name: "derive", kind: "state" }] as const;
    const writer = await engine.openWriter({ stream: "spans", sizeBytesMax: 1_000_000, consumers });
    const { accepted, refusal } = await appendUntilRefused(writer);
    expect(refusal).toMatchObject({ code: "QUARTET_JOURNAL_FULL" });
    expect(refusal.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    expect(accepted).toBeGreaterThan(15);
    expect(writer.refusal(50_000)).toMatchObject({ code: "QUARTET_JOURNAL_FULL" });
    const reader = engine.openReader({ stream: "spans", consumer: "derive" });
    expect(drain(reader)).toHaveLength(accepted);
    reader.commit(accepted);
    await appendOne(writer);
    expect(writer.refusal(50_000)).toBeUndefined();
    expect(writer.refusal(2_000_000)).toMatchObject({ code: "QUARTET_JOURNAL_FULL" });
    expect(reader.lost()).toEqual({ records: 0, items: 0 });
    reader.close();
    await writer.close();
    expect(writer.refusal(1)).toMatchObject({ code: "QUARTET_JOURNAL_UNAVAILABLE" });
  });

  test("what only a lagging exporter wants is dropped oldest first, and the exporter knows how much", async () => {
    await using engine = await open();
    const consumers = [
      { name: "derive", kind: "state" },
      { name: "export.jaeger.traces", kind: "exporter" },
    ] as const;
    const writer = await engine.openWriter({ stream: "spans", sizeBytesMax: 1_000_000, consumers });
    const derive = engine.openReader({ stream: "spans", consumer: "derive" });
    const exporter = engine.openReader({ stream: "spans", consumer: "export.jaeger.traces" });
    for (const _ of count(60)) {
      await writer.append({ payload: [Buffer.alloc(50_000)], itemCount: 3, receivedAtMs: nowMs });
      drain(derive);
      derive.commit(derive.nextOffset);
    }
    const seen = drain(exporter);
    const lost = exporter.lost();
    expect(lost.records).toBeGreaterThan(30);
    expect(lost.items).toBe(3 * lost.records);
    expect(seen.map(({ position }) => position.offset)).toEqual(
      count(60 - lost.records).map((index) => index + lost.records),
    );
    expect(derive.lost().records).toBe(0);
    derive.close();
    exporter.close();
    await writer.close();
  });

  test("a record for one consumer is given to that one only, and sums and lag stay exact for all", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans" });
    await writer.append(batchOf("for all"));
    await writer.append({ ...batchOf("again, for jaeger"), itemCount: 0, addressee: "export.jaeger.traces" });
    await writer.append(batchOf("for all again"));
    const jaeger = engine.openReader({ stream: "spans", consumer: "export.jaeger.traces" });
    const derive = engine.openReader({ stream: "spans", consumer: "derive" });
    expect(jaeger.lag()).toMatchObject({ records: 3, items: 2 });
    expect(drain(jaeger).map(textOf)).toEqual(["for all", "again, for jaeger", "for all again"]);
    expect(drain(derive).map(({ position }) => position.offset)).toEqual([0, 2]);
    expect(derive.nextOffset).toBe(3);
    for (const reader of [jaeger, derive]) {
      expect(reader.lag()).toEqual({ records: 0, items: 0, bytes: 0, seconds: 0 });
      expect(reader.lost()).toEqual({ records: 0, items: 0 });
      reader.commit(3);
    }
    // Alone at the end it is nothing to the others, but passed.
    await writer.append({ ...batchOf("last"), itemCount: 0, addressee: "export.jaeger.traces" });
    expect(derive.read({ sizeBytesMax: 1_000 })).toEqual([]);
    expect(derive.lag().records).toBe(0);
    expect(drain(jaeger).map(textOf)).toEqual(["last"]);
    jaeger.close();
    derive.close();
    await writer.close();
  });

  test("what a consumer has not committed stays though it has read it, also when it is away", async () => {
    await using engine = await open();
    const consumers = [
      { name: "derive", kind: "state" },
      { name: "store", kind: "state" },
    ] as const;
    const writer = await engine.openWriter({ stream: "spans", sizeBytesMax: 1_000_000, consumers });
    const { accepted } = await appendUntilRefused(writer);
    const derive = engine.openReader({ stream: "spans", consumer: "derive" });
    expect(drain(derive)).toHaveLength(accepted);
    derive.commit(accepted);
    derive.close();
    // The store has never come; then it has read everything, and committed nothing.
    await expect(appendOne(writer)).rejects.toMatchObject({ code: "QUARTET_JOURNAL_FULL" });
    const store = engine.openReader({ stream: "spans", consumer: "store" });
    expect(drain(store)).toHaveLength(accepted);
    await expect(appendOne(writer)).rejects.toMatchObject({ code: "QUARTET_JOURNAL_FULL" });
    store.commit(accepted);
    // A full journal looks at the cursors now and then only.
    clock.advance(1_000);
    await appendOne(writer);
    store.close();
    await writer.close();
  });

  test("a seek to a record that is gone takes the oldest there is, and a new consumer has lost nothing", async () => {
    await using engine = await open();
    const consumers = [{ name: "export.jaeger.traces", kind: "exporter" }] as const;
    const writer = await engine.openWriter({ stream: "spans", sizeBytesMax: 1_000_000, consumers });
    for (const _ of count(60))
      await writer.append({ payload: [Buffer.alloc(50_000)], itemCount: 3, receivedAtMs: nowMs });
    const late = engine.openReader({ stream: "spans", consumer: "export.late.traces" });
    const oldest = late.nextOffset;
    expect(oldest).toBeGreaterThan(30);
    expect(late.seek(5)).toBe(oldest);
    expect(drain(late).map(({ position }) => position.offset)).toEqual(
      count(60 - oldest).map((index) => index + oldest),
    );
    expect(late.lost()).toEqual({ records: 0, items: 0 });
    late.close();
    await writer.close();
  });

  test("a record that its consumer cannot take is put aside, the consumer goes on, and a replay brings the same bytes to it alone", async () => {
    await using engine = await open();
    await using folder = await openTempDir("journal-quarantine");
    const writer = await engine.openWriter({ stream: "spans" });
    for (const text of ["good", "poison", "good too"]) await writer.append(batchOf(text));
    const reader = engine.openReader({ stream: "spans", consumer: "derive" });
    const quarantine = openQuarantine({ dir: folder.path, stream: "spans", consumer: "derive", clock });
    const taken: string[] = [];
    for (let records = reader.read({ sizeBytesMax: 1 }); records.length > 0;) {
      for (const record of records) {
        if (textOf(record) === "poison") quarantine.put(record, new Error("cannot take it"));
        else taken.push(textOf(record));
      }
      records = reader.read({ sizeBytesMax: 1 });
    }
    await quarantine.settled();
    reader.commit(3);
    expect(taken).toEqual(["good", "good too"]);
    const [letter] = [...readDeadLetters({ dir: folder.path })];
    expect(letter).toMatchObject({ consumer: "derive", note: { offset: 1, message: "cannot take it" } });
    const payload = [Buffer.from(letter!.payload)];
    await writer.append({ payload, itemCount: 0, receivedAtMs: nowMs, addressee: letter!.consumer });
    expect(drain(reader).map(textOf)).toEqual(["poison"]);
    const other = engine.openReader({ stream: "spans", consumer: "export.jaeger.traces" });
    expect(drain(other).map(textOf)).toEqual(["good", "poison", "good too"]);
    await quarantine.close();
    other.close();
    reader.close();
    await writer.close();
  });
}

const sizeBytes = 50_000;

async function appendUntilRefused(
  writer: StreamWriter,
): Promise<{ accepted: number; refusal: { code: string; retryAfterMs: number } }> {
  for (let accepted = 0; accepted < 1_000; accepted += 1) {
    try {
      await writer.append({ payload: [Buffer.alloc(sizeBytes)], itemCount: 1, receivedAtMs: 0 });
    } catch (error) {
      return { accepted, refusal: error as { code: string; retryAfterMs: number } };
    }
  }
  throw new Error("1,000 appends were accepted: there is no budget");
}

async function appendOne(writer: StreamWriter): Promise<void> {
  await writer.append({ payload: [Buffer.alloc(sizeBytes)], itemCount: 1, receivedAtMs: 0 });
}
