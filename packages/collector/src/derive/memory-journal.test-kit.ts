import type { JournalRecord, Stream, StreamReader } from "../model/index.ts";

/** One stream in memory, for tests: what was appended is there for every reader at once. */
export interface MemoryStream {
  append(payload: Uint8Array, receivedAtMs: number, itemCount?: number): void;
  readonly records: readonly JournalRecord[];
  /** Offset that the last `commit` of any reader made durable. */
  readonly committedOffset: number;
  openReader(): StreamReader;
}

export function createMemoryStream(stream: Stream): MemoryStream {
  const records: JournalRecord[] = [];
  const waiting = new Set<() => void>();
  let committedOffset = 0;
  return {
    records,
    get committedOffset() {
      return committedOffset;
    },
    append(payload, receivedAtMs, itemCount = 1) {
      const position = { stream, shard: 0, offset: records.length };
      records.push({ position, receivedAtMs, itemCount, payload });
      for (const wake of waiting) wake();
      waiting.clear();
    },
    openReader() {
      let next = committedOffset;
      let handedOut: Buffer[] = [];
      return {
        get nextOffset() {
          return next;
        },
        read({ sizeBytesMax }) {
          // As the contract has it: what was handed out is good until the next read, and not a moment longer.
          for (const payload of handedOut) payload.fill(0xff);
          handedOut = [];
          const found: JournalRecord[] = [];
          let sizeBytes = 0;
          while (next < records.length && (found.length === 0 || sizeBytes < sizeBytesMax)) {
            const record = records[next]!;
            sizeBytes += record.payload.length;
            const payload = Buffer.from(record.payload);
            handedOut.push(payload);
            found.push({ ...record, payload });
            next += 1;
          }
          return found;
        },
        waitForMore: (signal) =>
          new Promise((resolve) => {
            const done = () => resolve();
            if (next < records.length || signal.aborted) return done();
            waiting.add(done);
            signal.addEventListener("abort", done, { once: true });
          }),
        seek: (offset) => (next = Math.min(offset, records.length)),
        commit(offset) {
          committedOffset = Math.max(committedOffset, offset);
        },
        lag: () => ({ records: records.length - next, items: 0, bytes: 0, seconds: 0 }),
        close() {},
      };
    },
  };
}
