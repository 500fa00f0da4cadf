import { expect, test } from "vitest";
import type { Clock, Stream } from "../../../packages/collector/src/model/index.ts";
import { batchOf, count, createStillClock, drain, nowMs, textOf, type JournalEngine } from "./engine.ts";

/** What every engine of the journal owes to its users. Each test gets an engine of its own. */
export function testJournal(openEngine: (clock: Clock) => Promise<JournalEngine>): void {
  const open = () => openEngine(createStillClock());

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

  test("a position names stream, shard and offset; offsets have no gaps and go on after a restart", async () => {
    await using engine = await open();
    for (let life = 0; life < 3; life += 1) {
      const writer = await engine.openWriter({ stream: "logs" });
      for (const index of count(4)) {
        const position = await writer.append(batchOf("x"));
        expect(position).toEqual({ stream: "logs", shard: 0, offset: 4 * life + index });
      }
      await writer.close();
    }
    const writer = await engine.openWriter({ stream: "logs" });
    const reader = engine.openReader({ stream: "logs", consumer: "derive" });
    const positions = drain(reader).map(({ position }) => position);
    expect(positions).toEqual(count(12).map((offset) => ({ stream: "logs", shard: 0, offset })));
    reader.close();
    await writer.close();
  });

  test("a commit in the middle of what was read keeps the sums: lag is exact after a restart, at every place", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans" });
    for (const index of count(20)) {
      await writer.append({ payload: [Buffer.alloc(10 * index)], itemCount: index, receivedAtMs: nowMs });
    }
    for (const offset of [0, 7, 8, 19, 20]) {
      const consumer = `consumer${offset}`;
      const first = engine.openReader({ stream: "spans", consumer });
      expect(drain(first)).toHaveLength(20);
      first.commit(offset);
      expect(first.lag().records).toBe(0);
      first.close();
      const again = engine.openReader({ stream: "spans", consumer });
      const items = count(20).reduce((sum, index) => sum + (index >= offset ? index : 0), 0);
      expect(again.lag()).toMatchObject({ records: 20 - offset, items, bytes: 10 * items });
      expect(drain(again).map(({ position }) => position.offset)).toEqual(
        count(20 - offset).map((index) => index + offset),
      );
      again.close();
    }
    await writer.close();
  });

  test("one append wakes all who wait, each in its own place", async () => {
    await using engine = await open();
    const writer = await engine.openWriter({ stream: "spans" });
    const readers = ["one", "two", "three"].map((consumer) =>
      engine.openReader({ stream: "spans", consumer }),
    );
    const never = new AbortController().signal;
    for (const text of ["a", "b"]) {
      const woken = Promise.all(readers.map((reader) => reader.waitForMore(never)));
      await writer.append(batchOf(text));
      await woken;
      for (const reader of readers) expect(drain(reader).map(textOf)).toEqual([text]);
    }
    for (const reader of readers) reader.close();
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
}
