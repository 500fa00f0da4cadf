import type { Consumer } from "../../../packages/collector/src/journal/index.ts";
import type {
  AccountingReader,
  Clock,
  JournalBatch,
  JournalRecord,
  Stream,
  StreamWriter,
} from "../../../packages/collector/src/model/index.ts";

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

export const nowMs = 1_800_000_000_000;

/** Stands still unless a test turns it. */
export function createStillClock(): Clock & { advance(byMs: number): void } {
  let currentMs = nowMs;
  return {
    nowMs: () => currentMs,
    setTimer: () => () => undefined,
    advance: (byMs) => void (currentMs += byMs),
  };
}

export function batchOf(text: string): JournalBatch {
  return { payload: [Buffer.from(text)], itemCount: 1, receivedAtMs: nowMs };
}

export function count(size: number): number[] {
  return Array.from({ length: size }, (_, index) => index);
}

export function textOf(record: JournalRecord): string {
  return Buffer.from(record.payload).toString("utf8");
}

/** All that can be read now, copied, in reads of 10 kB. */
export function drain(reader: AccountingReader): JournalRecord[] {
  const all: JournalRecord[] = [];
  for (;;) {
    const records = reader.read({ sizeBytesMax: 10_000 });
    if (records.length === 0) return all;
    all.push(...records.map((record) => ({ ...record, payload: Buffer.from(record.payload) })));
  }
}
