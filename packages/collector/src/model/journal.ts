import type { CollectorError } from "./errors.ts";

/** One ordered log per signal, and one for the series made of them. */
export type Stream = "spans" | "logs" | "metrics" | "series";

export const streams: readonly Stream[] = ["spans", "logs", "metrics", "series"];

/** Where a record is. Order holds within a shard; `offset` counts records from 0, without gaps. */
export interface Position {
  readonly stream: Stream;
  readonly shard: number;
  readonly offset: number;
}

export interface JournalBatch {
  /** The value is the concatenation of these bytes. The journal keeps no reference after `append` settled. */
  readonly payload: readonly Uint8Array[];
  /** Spans, log records, data points or samples inside. */
  readonly itemCount: number;
  readonly receivedAtMs: number;
  /**
   * Only this consumer is given the record, the others pass over it: a replay that must not reach twice whom it has reached.
   * Its items were counted when they first came, so let `itemCount` be 0. At most 255 letters of ASCII.
   */
  readonly addressee?: string;
}

export interface JournalRecord {
  readonly position: Position;
  readonly receivedAtMs: number;
  readonly itemCount: number;
  /** Valid until the reader's next `read`; copy what must live longer. */
  readonly payload: Uint8Array;
}

/** The one writer of a stream. */
export interface StreamWriter {
  /**
   * Appends one record; resolves when it is synced to disk.
   * Order: read back in append order. Concurrent calls share one sync.
   * @throws CollectorError QUARTET_JOURNAL_FULL or QUARTET_JOURNAL_UNAVAILABLE (answer 503 with Retry-After),
   * QUARTET_RECORD_TOO_LARGE (never retry).
   */
  append(batch: JournalBatch): Promise<Position>;
  /**
   * What an append of so many bytes would be refused with now, undefined when it would be taken. Nothing is kept or given up for it:
   * who lets several come at a time asks for all of them together.
   */
  refusal(sizeBytes: number): CollectorError | undefined;
  /** Syncs what is pending and closes the files. Safe to call twice. */
  close(): Promise<void>;
}

/** What a consumer has still to do. */
export interface Lag {
  readonly records: number;
  readonly items: number;
  readonly bytes: number;
  /** Age of the oldest record not yet read; 0 when there is none. */
  readonly seconds: number;
}

/** One consumer's place in a stream, in any thread. Only synced records are seen. */
export interface StreamReader {
  /** Offset of the record that the next `read` begins with. */
  readonly nextOffset: number;
  /** The records that follow, at least one if there is any, together at most about `sizeBytesMax`; [] when caught up. */
  read(limit: { readonly sizeBytesMax: number }): readonly JournalRecord[];
  /** Resolves as soon as `read` would give something, or when `signal` aborts. */
  waitForMore(signal: AbortSignal): Promise<void>;
  /** Moves to a record; one that is gone already means the oldest there is. Returns the offset taken. */
  seek(offset: number): number;
  /** Makes durable (atomic replace) that every record before `offset` is done with; these may be deleted. */
  commit(offset: number): void;
  lag(): Lag;
  close(): void;
}

/** Records that were gone (dropped by the disk budget) or damaged when the consumer came to them, since it was opened. */
export interface Lost {
  readonly records: number;
  /** Their items, as far as the journal still knows them. */
  readonly items: number;
}

/** A reader that can account for every item: passed + lost + lag is all there is. */
export interface AccountingReader extends StreamReader {
  /** Items from this place on that were there when the process opened the journal: the others were appended by this process. */
  recoveredItems(): number;
  /**
   * Id of the journal that the records read last belong to, 32 hex digits: together with a position it names a record for ever,
   * also after the data directory was emptied. May be "" before the first record was read.
   */
  readonly journalId: string;
  lost(): Lost;
}

/** Why a record was put aside. */
export interface DeadLetterReason {
  /** A word for metrics: "threw", "refused", "too_large" … */
  readonly reason: string;
  /** What the consumer or its back end said. */
  readonly message: string;
  /** When the record is but a part of the one at its position: the place of its first item in there, from 0. */
  readonly item?: number;
}

/** Where one consumer of one stream keeps the records that it cannot take, for a person to look at and to replay. */
export interface DeadLetters {
  /**
   * Resolves when a copy of the record is on disk ("kept"; a record that is there already is not kept twice), or with "full"
   * when there is no room for it. Rejects when the disk fails: try again.
   */
  append(record: JournalRecord, why: DeadLetterReason): Promise<"kept" | "full">;
  /** Closes the files after what is under way. Safe to call twice. */
  close(): Promise<void>;
}

/** The way to dead letters for a consumer that cannot wait in the middle of its work. */
export interface Quarantine {
  /** Takes a copy of a record on which the consumer threw; bounded, beyond that it is counted as given up. */
  put(record: JournalRecord, error: unknown): void;
  /** Resolves when all taken copies are on disk; to be awaited before the consumer commits beyond them. Rejects when the disk fails: try again. */
  settled(): Promise<void>;
}
