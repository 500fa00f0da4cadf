import { expect, test } from "vitest";
import type {
  AccountingReader,
  Clock,
  JournalBatch,
  JournalRecord,
  Stream,
  StreamWriter,
} from "../../../packages/collector/src/model/index.ts";
import type { Consumer } from "../../../packages/collector/src/journal/index.ts";

export interface EngineWriterOptions {
  readonly stream: Stream;
  readonly sizeBytesMax?: number;
  readonly recordSizeBytesMax?: number;
  readonly consumers?: readonly Consumer[];
}

/** One journal under test. A writer and readers that are closed and opened again stand for a restart. */
export interface JournalEngine extends AsyncDisposable {
  openWriter(options: EngineWriterOptions): Promise<StreamWriter>;
  openReader(options: { readonly stream: Stream; readonly consumer: string }): AccountingReader;
}

/** What every engine of the journal owes to its users. Each test gets an engine of its own. */
export function testJournal(openEngine: (clock: Clock) => Promise<JournalEngine>): void {
  const nowMs = 1_800_000_000_000;
  const clock: Clock = { nowMs: () => nowMs, setTimer: () => () => undefined };
  const open = () => openEngine(clock);

  test("appends at the same time get the offsets 0, 1, 2 … in the order of the calls, and are read in that order", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans" });
    const positions = await Promise.all(count(200).map((index) => writer.append(batchOf(`record ${index}`))));
    expect(positions).toEqual(count(200).map((offset) => ({ stream: "spans", shard: 0, offset })));
    const reader = engine.openReader({ stream: "spans", consumer: "derive" });
    expect(drain(reader).map(textOf)).toEqual(count(200).map((index) => `record ${index}`));
    reader.close();
    await writer.close();
  });

  test("a record is the concatenation of its pieces, with time of receipt, item count and position", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "logs" });
    const payload = [Buffer.from("one "), Buffer.alloc(0), Buffer.from("two")];
    await writer.append({ payload, itemCount: 4_000_000_000, receivedAtMs: 1_799_999_999_999 });
    await writer.append({ payload: [], itemCount: 0, receivedAtMs: 0 });
    const reader = engine.openReader({ stream: "logs", consumer: "derive" });
    const [first, second] = drain(reader);
    expect(textOf(first!)).toBe("one two");
    expect(first).toMatchObject({
      position: { stream: "logs", shard: 0, offset: 0 },
      itemCount: 4_000_000_000,
      receivedAtMs: 1_799_999_999_999,
    });
    expect(second).toMatchObject({ position: { offset: 1 }, itemCount: 0, receivedAtMs: 0 });
    expect(second!.payload).toHaveLength(0);
    reader.close();
    await writer.close();
  });

  test("a read gives at least one record and about as many bytes as asked for", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans" });
    for (const size of [3_000, 900, 900, 900]) await writer.append(batchOf("x".repeat(size)));
    const reader = engine.openReader({ stream: "spans", consumer: "derive" });
    expect(reader.read({ sizeBytesMax: 1 })).toHaveLength(1);
    expect(reader.nextOffset).toBe(1);
    expect(reader.read({ sizeBytesMax: 2_000 })).toHaveLength(2);
    expect(reader.read({ sizeBytesMax: 2_000 })).toHaveLength(1);
    expect(reader.read({ sizeBytesMax: 2_000 })).toEqual([]);
    reader.close();
    await writer.close();
  });

  test("each consumer has a place of its own, and each stream its own offsets", async () => {
    await using engine = await open();
    const spans = await engine.openWriter({ stream: "spans" });
    const logs = await engine.openWriter({ stream: "logs" });
    await spans.append(batchOf("a"));
    expect((await logs.append(batchOf("b"))).offset).toBe(0);
    const one = engine.openReader({ stream: "spans", consumer: "one" });
    const two = engine.openReader({ stream: "spans", consumer: "two" });
    expect(drain(one).map(textOf)).toEqual(["a"]);
    expect(two.nextOffset).toBe(0);
    expect(drain(two).map(textOf)).toEqual(["a"]);
    one.close();
    two.close();
    await spans.close();
    await logs.close();
  });

  test("a stream's journal has an id that restarts do not change and that no other journal has", async () => {
    await using engine = await open();
    const idOf = async (stream: Stream): Promise<string> => {
      const writer = await engine.openWriter({ stream });
      await writer.append(batchOf("a"));
      const reader = engine.openReader({ stream, consumer: "one" });
      drain(reader);
      const { journalId } = reader;
      reader.close();
      await writer.close();
      return journalId;
    };
    const first = await idOf("logs");
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(await idOf("logs")).toBe(first);
    expect(await idOf("spans")).not.toBe(first);
  });

  test("after a restart a consumer begins at what it committed, not at what it read", async () => {
    await using engine = await open();
    let writer = await engine.openWriter({ stream: "spans" });
    for (const index of count(10)) await writer.append(batchOf(String(index)));
    let reader = engine.openReader({ stream: "spans", consumer: "derive" });
    drain(reader);
    reader.commit(4);
    reader.close();
    await writer.close();
    writer = await engine.openWriter({ stream: "spans" });
    expect((await writer.append(batchOf("10"))).offset).toBe(10);
    reader = engine.openReader({ stream: "spans", consumer: "derive" });
    expect(reader.nextOffset).toBe(4);
    expect(drain(reader).map(textOf)).toEqual(["4", "5", "6", "7", "8", "9", "10"]);
    expect(() => reader.commit(12)).toThrow(RangeError);
    reader.close();
    await writer.close();
  });

  test("waitForMore resolves with the append, at once when there is something, on abort and on close", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans" });
    const reader = engine.openReader({ stream: "spans", consumer: "derive" });
    const never = new AbortController().signal;
    let isAwake = false;
    const woken = reader.waitForMore(never).then(() => (isAwake = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isAwake).toBe(false);
    await writer.append(batchOf("a"));
    await woken;
    await reader.waitForMore(never);
    expect(drain(reader)).toHaveLength(1);
    const aborting = new AbortController();
    const aborted = reader.waitForMore(aborting.signal);
    aborting.abort();
    await aborted;
    await reader.waitForMore(aborting.signal);
    const closed = reader.waitForMore(never);
    reader.close();
    await closed;
    await writer.close();
  });

  test("a consumer opened before the writer sees what the writer appends", async () => {
    await using engine = await open();
    const reader = engine.openReader({ stream: "metrics", consumer: "derive" });
    expect(reader.read({ sizeBytesMax: 1_000 })).toEqual([]);
    expect(reader.lag()).toEqual({ records: 0, items: 0, bytes: 0, seconds: 0 });
    const more = reader.waitForMore(new AbortController().signal);
    const writer = await engine.openWriter({ stream: "metrics" });
    await writer.append(batchOf("a"));
    await more;
    expect(drain(reader)).toHaveLength(1);
    reader.close();
    await writer.close();
  });

  test("seek goes to a record, and to the end when that is beyond it", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans" });
    for (const index of count(50)) await writer.append(batchOf(String(index)));
    const reader = engine.openReader({ stream: "spans", consumer: "derive" });
    expect(reader.seek(30)).toBe(30);
    expect(textOf(reader.read({ sizeBytesMax: 1 })[0]!)).toBe("30");
    expect(reader.seek(2)).toBe(2);
    expect(textOf(reader.read({ sizeBytesMax: 1 })[0]!)).toBe("2");
    expect(reader.seek(1_000)).toBe(50);
    expect(reader.lag().records).toBe(0);
    await writer.append(batchOf("50"));
    expect(drain(reader).map(textOf)).toEqual(["50"]);
    expect(reader.seek(-1)).toBe(0);
    reader.close();
    await writer.close();
  });

  test("lag counts records, items, bytes, and the age of the oldest unread record", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans" });
    await writer.append({ payload: [Buffer.alloc(100)], itemCount: 5, receivedAtMs: nowMs - 9_000 });
    await writer.append({ payload: [Buffer.alloc(300)], itemCount: 7, receivedAtMs: nowMs - 2_500 });
    const reader = engine.openReader({ stream: "spans", consumer: "derive" });
    expect(reader.lag()).toEqual({ records: 2, items: 12, bytes: 400, seconds: 9 });
    reader.read({ sizeBytesMax: 1 });
    expect(reader.lag()).toEqual({ records: 1, items: 7, bytes: 300, seconds: 2.5 });
    reader.read({ sizeBytesMax: 1 });
    expect(reader.lag()).toEqual({ records: 0, items: 0, bytes: 0, seconds: 0 });
    reader.seek(1);
    expect(reader.lag()).toEqual({ records: 1, items: 7, bytes: 300, seconds: 2.5 });
    reader.close();
    await writer.close();
  });

  test("a record over the limit is refused for good and leaves no trace", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans", recordSizeBytesMax: 1_000 });
    await expect(writer.append(batchOf("x".repeat(1_001)))).rejects.toMatchObject({
      code: "QUARTET_RECORD_TOO_LARGE",
      retryAfterMs: undefined,
    });
    expect((await writer.append(batchOf("x".repeat(1_000)))).offset).toBe(0);
    await writer.close();
  });

  test("what derive has not read makes appends refuse when the budget is spent, until it has", async () => {
    await using engine = await open();
    const consumers = [{ name: "derive", kind: "state" }] as const;
    const writer = await engine.openWriter({ stream: "spans", sizeBytesMax: 1_000_000, consumers });
    const { accepted, refusal } = await appendUntilRefused(writer, 50_000);
    expect(refusal).toMatchObject({ code: "QUARTET_JOURNAL_FULL" });
    expect(refusal.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    expect(accepted).toBeGreaterThan(15);
    expect(writer.refusal(50_000)).toMatchObject({ code: "QUARTET_JOURNAL_FULL" });
    const reader = engine.openReader({ stream: "spans", consumer: "derive" });
    expect(drain(reader)).toHaveLength(accepted);
    reader.commit(accepted);
    await untilAppended(writer, 50_000);
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

  test("a stream has one writer; after close it refuses, and another may be opened", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans" });
    await expect(engine.openWriter({ stream: "spans" })).rejects.toMatchObject({
      code: "QUARTET_JOURNAL_LOCKED",
    });
    const last = writer.append(batchOf("a"));
    await Promise.all([writer.close(), writer.close()]);
    expect((await last).offset).toBe(0);
    await expect(writer.append(batchOf("b"))).rejects.toMatchObject({ code: "QUARTET_JOURNAL_UNAVAILABLE" });
    const next = await engine.openWriter({ stream: "spans" });
    expect((await next.append(batchOf("b"))).offset).toBe(1);
    await next.close();
  });

  const batchOf = (text: string): JournalBatch => ({
    payload: [Buffer.from(text)],
    itemCount: 1,
    receivedAtMs: nowMs,
  });
}

function count(size: number): number[] {
  return Array.from({ length: size }, (_, index) => index);
}

function textOf(record: JournalRecord): string {
  return Buffer.from(record.payload).toString("utf8");
}

/** All that can be read now, copied, in reads of 10 kB. */
function drain(reader: AccountingReader): JournalRecord[] {
  const all: JournalRecord[] = [];
  for (;;) {
    const records = reader.read({ sizeBytesMax: 10_000 });
    if (records.length === 0) return all;
    all.push(...records.map((record) => ({ ...record, payload: Buffer.from(record.payload) })));
  }
}

async function appendUntilRefused(
  writer: StreamWriter,
  sizeBytes: number,
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

async function untilAppended(writer: StreamWriter, sizeBytes: number): Promise<void> {
  await writer.append({ payload: [Buffer.alloc(sizeBytes)], itemCount: 1, receivedAtMs: 0 });
}
