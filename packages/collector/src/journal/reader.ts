import {
  systemClock,
  type AccountingReader,
  type Clock,
  type JournalRecord,
  type Lag,
  type Lost,
  type Stream,
} from "../model/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import { createCheckpoints, type Checkpoints } from "./checkpoints.ts";
import { readCursor, writeCursor, type Cursor } from "./cursor.ts";
import { nodeFiles, type JournalFiles } from "./files.ts";
import { listSegments, segmentPath } from "./layout.ts";
import { journalMetrics, type JournalMetrics } from "./metrics.ts";
import { ReadBuffer } from "./read-buffer.ts";
import { openSegmentScan, type ScannedRecord, type SegmentScan } from "./scan.ts";
import { watchEnd, type EndWatch, type JournalShared, type StreamEnd } from "./shared.ts";

export interface StreamReaderOptions {
  /** The data directory. */
  readonly dir: string;
  readonly stream: Stream;
  /** Letters, digits, "_", "-" and "."; an exporter's begins with "export.". One reader a consumer. */
  readonly consumer: string;
  readonly shared: JournalShared;
  readonly clock?: Clock;
  readonly telemetry?: Telemetry;
  readonly log?: Log;
  readonly files?: JournalFiles;
}

/** A segment may be deleted between finding and opening it; more often than this in a row is no race. */
const openAttemptCountMax = 10;

/**
 * Opens a consumer at its cursor, or at the oldest record when it has none. Reads wait for the stream's writer to be opened.
 * @throws CollectorError QUARTET_JOURNAL_VERSION or QUARTET_STATE_INVALID when the cursor cannot be read.
 */
export function openStreamReader(options: StreamReaderOptions): AccountingReader {
  return new SegmentReader(options);
}

class SegmentReader implements AccountingReader {
  readonly #dir: string;
  readonly #stream: Stream;
  readonly #consumer: string;
  readonly #files: JournalFiles;
  readonly #clock: Clock;
  readonly #log: Log | undefined;
  readonly #metrics: JournalMetrics | undefined;
  readonly #watch: EndWatch;
  readonly #buffer = new ReadBuffer();
  readonly #checkpoints: Checkpoints = createCheckpoints();
  readonly #waiting = new Set<() => void>();
  readonly #removeLag: () => void;
  #isClosed = false;
  /** Opened before the stream's writer, which may yet set the cursor back to the end of what it found. */
  #isAhead: boolean;
  #journalId: string | undefined;
  #scan: SegmentScan | undefined;
  /** Base of the segment after the open one, once that one is no longer written. */
  #nextBase: number | undefined;
  /** Where the next read begins, with the sums of all before. */
  #at: Cursor;
  #committed: Cursor | undefined;
  #lost: Lost = { records: 0, items: 0 };
  /** Time of receipt of the next record, by its offset. */
  #peeked: { readonly offset: number; readonly receivedAtMs: number } | undefined;

  constructor(options: StreamReaderOptions) {
    const { dir, stream, consumer, shared, clock = systemClock, telemetry, log, files = nodeFiles } = options;
    this.#dir = dir;
    this.#stream = stream;
    this.#consumer = consumer;
    this.#files = files;
    this.#clock = clock;
    this.#log = log;
    this.#metrics = telemetry === undefined ? undefined : journalMetrics(telemetry);
    this.#watch = watchEnd(shared, stream);
    this.#at = { offset: 0, items: 0, bytes: 0 };
    this.#committed = readCursor(files, dir, { stream, consumer }, log);
    this.#isAhead = this.#watch.end() === undefined;
    // A new consumer has lost nothing of what was gone before it came.
    this.#at = this.#committed ?? this.#startOf(listSegments(files, dir, stream)[0]);
    this.#removeLag = this.#metrics?.addLag(stream, consumer, () => this.lag()) ?? (() => undefined);
  }

  get journalId(): string {
    return this.#journalId ?? "";
  }

  get nextOffset(): number {
    return this.#at.offset;
  }

  read(limit: { readonly sizeBytesMax: number }): readonly JournalRecord[] {
    const end = this.#end();
    if (end === undefined) return [];
    while (this.#at.offset < end.nextOffset) {
      const scan = this.#openAt(this.#at.offset, end);
      const isLast = scan.baseOffset === end.segmentBase;
      if (!isLast) this.#nextBase ??= this.#baseAfter(scan.baseOffset, end);
      const offsetEnd = isLast ? end.nextOffset : this.#nextBase!;
      const byteEnd = isLast ? end.byteEnd : scan.fileSizeBytes();
      const before = this.#at.offset;
      const { records, brokenSizeBytes } = scan.readBlock({
        byteEnd,
        offsetEnd,
        sizeBytesMax: limit.sizeBytesMax,
      });
      if (brokenSizeBytes > 0) this.#reportBroken(scan.baseOffset, brokenSizeBytes);
      if (records.length === 0) {
        // Nothing whole is left in this segment: what should have been there is lost.
        this.#closeScan();
        const start = isLast
          ? { offset: end.nextOffset, items: end.itemsTotal, bytes: end.bytesTotal }
          : this.#startOf(offsetEnd);
        this.#skipTo(start);
        continue;
      }
      const wanted = this.#passed(before, records);
      if (wanted.length > 0) return wanted;
    }
    return [];
  }

  async waitForMore(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      // First the callback, then the look: what is published in between must not be missed.
      const forget = this.#watch.onChange(resolve);
      const wake = (): void => resolve();
      signal.addEventListener("abort", wake, { once: true });
      this.#waiting.add(wake);
      try {
        const end = this.#end();
        if (this.#isClosed || signal.aborted) return;
        if (end !== undefined && this.#at.offset < end.nextOffset) return;
        await promise;
      } finally {
        forget();
        signal.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
      }
    }
  }

  seek(offset: number): number {
    this.#closeScan();
    this.#checkpoints.clear();
    this.#isAhead = false;
    const end = this.#end();
    const wanted = Math.max(0, Math.min(offset, end?.nextOffset ?? offset));
    const bases = listSegments(this.#files, this.#dir, this.#stream);
    const oldest = this.#startOf(bases[0]);
    if (wanted < oldest.offset) {
      this.#at = oldest;
    } else if (end === undefined || wanted === end.nextOffset) {
      // Without an end the sums follow with the first read.
      const { itemsTotal: items, bytesTotal: bytes } = end ?? {
        itemsTotal: oldest.items,
        bytesTotal: oldest.bytes,
      };
      this.#at = { offset: wanted, items, bytes };
    } else {
      this.#at = { offset: wanted, items: oldest.items, bytes: oldest.bytes };
      this.#openAt(wanted, end);
    }
    return this.#at.offset;
  }

  commit(offset: number): void {
    if (offset > this.#at.offset) {
      throw new RangeError(`${this.#consumer} commits ${offset} but has read only up to ${this.#at.offset}`);
    }
    const checkpoint = this.#checkpoints.take(offset);
    const sums = offset === this.#at.offset ? this.#at : (checkpoint ?? this.#committed);
    const cursor: Cursor = { offset, items: sums?.items ?? 0, bytes: sums?.bytes ?? 0 };
    if (this.#committed?.offset === offset) return;
    writeCursor(this.#files, this.#dir, { stream: this.#stream, consumer: this.#consumer }, cursor);
    this.#committed = cursor;
  }

  lag(): Lag {
    const end = this.#end();
    if (end === undefined || this.#at.offset >= end.nextOffset) {
      return { records: 0, items: 0, bytes: 0, seconds: 0 };
    }
    const nowMs = this.#clock.nowMs();
    const receivedAtMs = this.#peekReceivedAtMs(end) ?? nowMs;
    return {
      records: end.nextOffset - this.#at.offset,
      items: Math.max(0, end.itemsTotal - this.#at.items),
      bytes: Math.max(0, end.bytesTotal - this.#at.bytes),
      seconds: Math.max(0, nowMs - receivedAtMs) / 1000,
    };
  }

  recoveredItems(): number {
    if (this.#end() === undefined) return 0;
    return Math.max(0, this.#watch.openedItems() - this.#at.items);
  }

  lost(): Lost {
    return this.#lost;
  }

  close(): void {
    this.#isClosed = true;
    for (const wake of this.#waiting) wake();
    this.#removeLag();
    this.#closeScan();
  }

  /** The stream's synced end. A place behind it (its records were never synced and are gone after a power cut) becomes the end. */
  #end(): StreamEnd | undefined {
    const end = this.#watch.end();
    if (end !== undefined && this.#isAhead) {
      this.#isAhead = false;
      this.#committed = readCursor(this.#files, this.#dir, {
        stream: this.#stream,
        consumer: this.#consumer,
      });
      this.#at = this.#committed ?? this.#at;
    }
    if (end !== undefined && this.#at.offset > end.nextOffset) {
      this.#log?.warn("a consumer stood behind the end of the journal and was set to the end", {
        stream: this.#stream,
        consumer: this.#consumer,
        offset: this.#at.offset,
        end: end.nextOffset,
      });
      this.#closeScan();
      this.#at = { offset: end.nextOffset, items: end.itemsTotal, bytes: end.bytesTotal };
    }
    return end;
  }

  /** The scan that stands before the record of this offset (or the next one that is there). */
  #openAt(offset: number, end: StreamEnd): SegmentScan {
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (this.#scan?.offset === offset) return this.#scan;
        this.#closeScan();
        const bases = listSegments(this.#files, this.#dir, this.#stream);
        const baseOffset = bases.findLast((base) => base <= offset) ?? bases[0] ?? end.segmentBase;
        this.#scan = this.#openSegment(baseOffset);
        const offsetEnd = bases.find((base) => base > baseOffset) ?? end.nextOffset;
        if (baseOffset > offset) this.#skipTo(this.#placeOf(this.#scan));
        else this.#walkTo(this.#scan, Math.min(offset, offsetEnd), end);
        return this.#scan;
      } catch (error) {
        this.#closeScan();
        const isGone = (error as NodeJS.ErrnoException).code === "ENOENT";
        if (!isGone || attempt >= openAttemptCountMax) throw error;
      }
    }
  }

  #openSegment(baseOffset: number): SegmentScan {
    const scan = openSegmentScan({
      files: this.#files,
      path: segmentPath(this.#dir, this.#stream, baseOffset),
      stream: this.#stream,
      baseOffset,
      journalId: this.#journalId,
      buffer: this.#buffer,
    });
    this.#journalId = scan.header?.journalId ?? this.#journalId;
    return scan;
  }

  /** Moves a fresh scan to a record in the middle; the sums come from the headers passed on the way. */
  #walkTo(scan: SegmentScan, offset: number, end: StreamEnd): void {
    const byteEnd = scan.baseOffset === end.segmentBase ? end.byteEnd : scan.fileSizeBytes();
    scan.skipTowards(offset);
    while (scan.offset < offset) {
      const { records } = scan.readBlock({ byteEnd, offsetEnd: offset, sizeBytesMax: 1024 * 1024 });
      if (records.length === 0) break;
    }
    if (scan.offset > offset) this.#countLost(scan.offset - offset, 0);
    this.#at = { offset: Math.max(offset, scan.offset), items: scan.itemsBefore, bytes: scan.bytesBefore };
  }

  #baseAfter(baseOffset: number, end: StreamEnd): number {
    const bases = listSegments(this.#files, this.#dir, this.#stream);
    return bases.find((base) => base > baseOffset) ?? end.segmentBase;
  }

  #placeOf(scan: SegmentScan): Cursor {
    return { offset: scan.offset, items: scan.itemsBefore, bytes: scan.bytesBefore };
  }

  /** The place before the first record of a segment. */
  #startOf(baseOffset: number | undefined): Cursor {
    if (baseOffset === undefined) return { offset: 0, items: 0, bytes: 0 };
    let scan: SegmentScan;
    try {
      scan = this.#openSegment(baseOffset);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return { offset: baseOffset, items: this.#at.items, bytes: this.#at.bytes };
    }
    const place = this.#placeOf(scan);
    scan.close();
    return place;
  }

  /** Moves on; gives those of the records that are for this consumer. */
  #passed(before: number, records: readonly ScannedRecord[]): readonly JournalRecord[] {
    let { items, bytes } = this.#at;
    let expected = before;
    let lostRecords = 0;
    for (const record of records) {
      lostRecords += record.position.offset - expected;
      expected = record.position.offset + 1;
      items += record.itemCount;
      bytes += record.sizeBytes;
      this.#checkpoints.add({ offset: expected, items, bytes });
    }
    this.#at = { offset: expected, items, bytes };
    if (lostRecords > 0) this.#countLost(lostRecords, 0);
    return records.filter(({ addressee }) => addressee === undefined || addressee === this.#consumer);
  }

  #skipTo(place: Cursor): void {
    const { offset, items } = this.#at;
    this.#countLost(Math.max(0, place.offset - offset), Math.max(0, place.items - items));
    this.#at = place;
  }

  #countLost(records: number, items: number): void {
    if (records === 0 && items === 0) return;
    this.#lost = { records: this.#lost.records + records, items: this.#lost.items + items };
    this.#metrics?.lostRecords.add({ stream: this.#stream, consumer: this.#consumer }, records);
    this.#log?.warn("records were gone or damaged when a consumer came to them", {
      stream: this.#stream,
      consumer: this.#consumer,
      records,
      items,
    });
  }

  #reportBroken(baseOffset: number, sizeBytes: number): void {
    this.#metrics?.brokenBytes.add({ stream: this.#stream, consumer: this.#consumer }, sizeBytes);
    this.#log?.error("damaged bytes in a segment were passed over", {
      segment: segmentPath(this.#dir, this.#stream, baseOffset),
      sizeBytes,
    });
  }

  #peekReceivedAtMs(end: StreamEnd): number | undefined {
    const { offset } = this.#at;
    if (this.#peeked?.offset === offset) return this.#peeked.receivedAtMs;
    const scan = this.#openAt(offset, end);
    const byteEnd = scan.baseOffset === end.segmentBase ? end.byteEnd : scan.fileSizeBytes();
    const receivedAtMs = scan.peekReceivedAtMs(byteEnd);
    if (receivedAtMs !== undefined) this.#peeked = { offset, receivedAtMs };
    return receivedAtMs;
  }

  #closeScan(): void {
    this.#scan?.close();
    this.#scan = undefined;
    this.#nextBase = undefined;
  }
}
