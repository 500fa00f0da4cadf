import {
  CollectorError,
  systemClock,
  type Clock,
  type JournalBatch,
  type Position,
  type Stream,
} from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { StreamBase } from "./base-file.ts";
import { createCompactor, type CompressionSettings, type Compactor } from "./compactor.ts";
import { nodeFiles, type JournalFiles } from "./files.ts";
import { encodeSegmentHeader, recordHeaderSizeBytes, recordSeed, segmentHeaderSizeBytes } from "./format.ts";
import { encodeGroup, isWritable, measureGroup, sumGroup, withAddress, type Waiting } from "./group.ts";
import { segmentPath, streamFolder } from "./layout.ts";
import { journalMetrics, type JournalMetrics } from "./metrics.ts";
import { closeSegment, sizeOnDisk, type OpenSegment } from "./open-segment.ts";
import { recoverStream, type RecoveredStream } from "./recovery.ts";
import { full, tooLarge, unavailable } from "./refusals.ts";
import { createRetention, type Retention } from "./retention.ts";
import { claimStream, type EndPublisher } from "./shared.ts";
import { warnOfUnnamedConsumers } from "./unnamed-consumers.ts";
import type { SegmentStreamWriter, StreamWriterOptions } from "./writer-options.ts";

const mebibyte = 1024 * 1024;
/** What waits for its sync lies in memory. */
const waitingSizeBytesMax = 128 * mebibyte;
const retainIntervalMs = 5_000;
/** After a failure of the disk it is left alone for so long. */
const recoveryIntervalMs = 500;
const compressionDefault: CompressionSettings = { afterMs: 60_000, share: 0.25 };

/**
 * Opens a stream for its one writer: mends what a crash left, publishes the synced end to `shared`.
 * @throws CollectorError QUARTET_JOURNAL_LOCKED when the stream has a writer already, QUARTET_JOURNAL_VERSION when a newer version
 * wrote it, QUARTET_JOURNAL_UNAVAILABLE when the disk fails.
 */
export async function openStreamWriter(options: StreamWriterOptions): Promise<SegmentStreamWriter> {
  const { dir, stream, shared } = options;
  const publisher = claimStream(shared, stream);
  if (publisher === undefined) {
    throw new CollectorError(
      "QUARTET_JOURNAL_LOCKED",
      `stream ${stream} of ${dir} has a writer in this process already`,
    );
  }
  try {
    return new Writer(options, publisher);
  } catch (error) {
    publisher.release();
    if (error instanceof CollectorError) throw error;
    throw new CollectorError("QUARTET_JOURNAL_UNAVAILABLE", `the journal in ${dir} cannot be opened`, {
      cause: error,
    });
  }
}

class Writer implements SegmentStreamWriter {
  readonly #dir: string;
  readonly #stream: Stream;
  readonly #files: JournalFiles;
  readonly #clock: Clock;
  readonly #log: Log | undefined;
  readonly #metrics: JournalMetrics | undefined;
  readonly #publisher: EndPublisher;
  readonly #retention: Retention;
  readonly #compactor: Compactor;
  readonly #journalId: string;
  readonly #recordSizeBytesMax: number;
  readonly #segmentSizeBytesMax: number;
  readonly #removeGauges: () => void;
  #cancelTimer: () => void = () => undefined;
  #segment: OpenSegment | undefined;
  #nextOffset: number;
  #itemsTotal: number;
  #bytesTotal: number;
  #waiting: Waiting[] = [];
  /** Of all appends that are not settled, headers included. */
  #waitingSizeBytes = 0;
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #brokenUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: StreamWriterOptions, publisher: EndPublisher) {
    const { dir, stream, clock = systemClock, telemetry, log, files = nodeFiles, consumers = [] } = options;
    const { sizeBytesMax = 10 * 1024 * mebibyte, segmentSizeBytesMax = 64 * mebibyte } = options;
    this.#dir = dir;
    this.#stream = stream;
    this.#files = files;
    this.#clock = clock;
    this.#log = log;
    this.#metrics = telemetry === undefined ? undefined : journalMetrics(telemetry);
    this.#publisher = publisher;
    this.#recordSizeBytesMax = segmentSizeBytesMax;
    // Only whole segments can be given up, so a small budget needs small segments.
    this.#segmentSizeBytesMax = Math.min(segmentSizeBytesMax, Math.max(64 * 1024, sizeBytesMax / 8));
    const metrics = this.#metrics;
    const common = { files, dir, stream, clock, log, metrics };
    const segmentSizes = { sizeBytesMax, segmentSizeBytesMax: this.#segmentSizeBytesMax };
    this.#retention = createRetention({ ...common, ...segmentSizes, consumers, end: () => this.#end() });
    const { shared, compression = compressionDefault } = options;
    this.#compactor = createCompactor({ ...common, shared, retention: this.#retention, compression });
    const recovered = recoverStream(common);
    warnOfUnnamedConsumers({ ...common, consumers });
    this.#journalId = recovered.journalId;
    this.#nextOffset = recovered.nextOffset;
    this.#itemsTotal = recovered.itemsTotal;
    this.#bytesTotal = recovered.bytesTotal;
    this.#takeUp(recovered);
    const sizes = metrics?.addSize(stream, () => ({ sizeBytes: this.#diskSizeBytes(), sizeBytesMax }));
    const evictions = metrics?.addEviction(stream, () => this.#retention.secondsUntilEviction());
    this.#removeGauges = () => {
      sizes?.();
      evictions?.();
    };
    this.#publish();
    this.#armTimer();
  }

  append(given: JournalBatch): Promise<Position> {
    if (!isWritable(given)) {
      const { itemCount, receivedAtMs, addressee = "everybody" } = given;
      return Promise.reject(
        new RangeError(`a batch of ${itemCount} items received at ${receivedAtMs} for ${addressee}`),
      );
    }
    const batch = withAddress(given);
    let payloadSizeBytes = 0;
    for (const piece of batch.payload) payloadSizeBytes += piece.length;
    const refusal = this.#refusal(payloadSizeBytes);
    if (refusal !== undefined) return Promise.reject(refusal);
    const { promise, resolve, reject } = Promise.withResolvers<Position>();
    this.#waiting.push({ batch, payloadSizeBytes, resolve, reject });
    this.#waitingSizeBytes += recordHeaderSizeBytes + payloadSizeBytes;
    this.#running ??= this.#run();
    return promise;
  }

  refusal(sizeBytes: number): CollectorError | undefined {
    if (this.#closing !== undefined || this.#clock.nowMs() < this.#brokenUntilMs) return this.#unavailable();
    const neededSizeBytes = this.#neededSizeBytes(sizeBytes);
    return this.#retention.hasRoom(neededSizeBytes) ? undefined : this.#full(neededSizeBytes);
  }

  retain(): Promise<void> {
    return this.#retention.release();
  }

  compact(): Promise<void> {
    return this.#compactor.run();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#cancelTimer();
    await this.#compactor.close();
    await this.#running;
    if (this.#segment !== undefined) this.#closeSegment(this.#segment);
    this.#segment = undefined;
    await this.#retention.close();
    this.#removeGauges();
    this.#publisher.release();
  }

  /** The segments that were found: all are sealed but the last, which is written on unless it was sealed and compressed before. */
  #takeUp({ segments, nextOffset, itemsTotal }: RecoveredStream): void {
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1];
      if (next === undefined && !segment.isCompressed) {
        const { baseOffset, itemsBefore, sizeBytes: byteEnd } = segment;
        const fd = this.#files.openForWrite(segmentPath(this.#dir, this.#stream, baseOffset));
        this.#segment = { fd, baseOffset, itemsBefore, byteEnd, reusedSizeBytes: 0 };
        return;
      }
      const end = { offsetEnd: next?.baseOffset ?? nextOffset, itemsEnd: next?.itemsBefore ?? itemsTotal };
      this.#retention.seal({ ...segment, ...end });
    }
  }

  #end(): StreamBase & { readonly openSizeBytes: number } {
    const sums = { offset: this.#nextOffset, items: this.#itemsTotal, bytes: this.#bytesTotal };
    return { journalId: this.#journalId, ...sums, openSizeBytes: this.#segment?.byteEnd ?? 0 };
  }

  #diskSizeBytes(): number {
    return this.#retention.sizeBytes + sizeOnDisk(this.#segment);
  }

  /** What the segment being written will take when a record of this payload is in it, at most. */
  #neededSizeBytes(payloadSizeBytes: number): number {
    const waitingSizeBytes =
      this.#waitingSizeBytes + segmentHeaderSizeBytes + recordHeaderSizeBytes + payloadSizeBytes;
    return sizeOnDisk(this.#segment, (this.#segment?.byteEnd ?? 0) + waitingSizeBytes);
  }

  #refusal(payloadSizeBytes: number): CollectorError | undefined {
    const stream = this.#stream;
    if (payloadSizeBytes > this.#recordSizeBytesMax) {
      this.#metrics?.refusedRecords.add({ stream, reason: "too_large" });
      return tooLarge(payloadSizeBytes, this.#recordSizeBytesMax);
    }
    if (this.#closing !== undefined || this.#clock.nowMs() < this.#brokenUntilMs) {
      this.#metrics?.refusedRecords.add({ stream, reason: "unavailable" });
      return this.#unavailable();
    }
    const sizeBytes = segmentHeaderSizeBytes + recordHeaderSizeBytes + payloadSizeBytes;
    if (this.#waitingSizeBytes > 0 && this.#waitingSizeBytes + sizeBytes > waitingSizeBytesMax) {
      this.#metrics?.refusedRecords.add({ stream, reason: "disk_slow" });
      return new CollectorError("QUARTET_JOURNAL_FULL", `too much waits for the disk in stream ${stream}`, {
        retryAfterMs: 1_000,
      });
    }
    const neededSizeBytes = this.#neededSizeBytes(payloadSizeBytes);
    if (!this.#makeRoom(neededSizeBytes)) {
      this.#metrics?.refusedRecords.add({ stream, reason: "full" });
      return this.#full(neededSizeBytes);
    }
    return undefined;
  }

  #unavailable(): CollectorError {
    const retryAfterMs = Math.max(1_000, this.#brokenUntilMs - this.#clock.nowMs());
    return unavailable(this.#stream, { isClosed: this.#closing !== undefined, retryAfterMs });
  }

  #full(neededSizeBytes: number): CollectorError {
    return full(this.#stream, this.#retention.retryAfterMs(neededSizeBytes));
  }

  #makeRoom(neededSizeBytes: number): boolean {
    if (this.#retention.makeRoom(neededSizeBytes)) return true;
    // Perhaps all that is in the way is the segment being written, and everybody has read it: only sealed ones can go.
    if (this.#running !== undefined || this.#isSegmentEmpty()) return false;
    this.#sealSegment();
    return this.#retention.makeRoom(neededSizeBytes);
  }

  /** Write and sync back to back: what comes in during one sync shares the next. */
  async #run(): Promise<void> {
    // Appends of the same turn of the event loop go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#commit(this.#takeGroup());
    this.#running = undefined;
  }

  #takeGroup(): readonly Waiting[] {
    const room = this.#segmentSizeBytesMax - (this.#segment?.byteEnd ?? segmentHeaderSizeBytes);
    const { count, sizeBytes } = measureGroup(this.#waiting, room);
    if (sizeBytes > room && !this.#isSegmentEmpty()) this.#sealSegment();
    return this.#waiting.splice(0, count);
  }

  #isSegmentEmpty(): boolean {
    return this.#segment === undefined || this.#segment.baseOffset === this.#nextOffset;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    let cause: unknown;
    // The second attempt goes to a new segment: after a failed sync the kernel calls the lost pages clean, so that syncing
    // the same file again would succeed without the data.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        await this.#writeGroup(group);
        this.#settle(group);
        return;
      } catch (error) {
        cause = error;
        this.#metrics?.failures.add({ stream: this.#stream, operation: "append" });
        this.#log?.error("the journal could not be written", { stream: this.#stream, error });
        this.#abandonSegment();
      }
    }
    this.#brokenUntilMs = this.#clock.nowMs() + recoveryIntervalMs;
    this.#retention.giveBack();
    for (const waiting of group) {
      this.#waitingSizeBytes -= recordHeaderSizeBytes + waiting.payloadSizeBytes;
      this.#metrics?.refusedRecords.add({ stream: this.#stream, reason: "unavailable" });
      const message = `the journal of ${this.#stream} cannot be written`;
      waiting.reject(
        new CollectorError("QUARTET_JOURNAL_UNAVAILABLE", message, { cause, retryAfterMs: 1_000 }),
      );
    }
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const beganMs = performance.now();
    const isNew = this.#segment === undefined;
    const segment = (this.#segment ??= this.#createSegment());
    const seed = recordSeed(this.#journalId, segment.baseOffset);
    const buffers = encodeGroup(group, { firstOffset: this.#nextOffset, seed });
    if (isNew) buffers.unshift(this.#segmentHeader(segment));
    const start = segment.byteEnd;
    await this.#files.write(segment.fd, buffers, start);
    await this.#files.sync(segment.fd);
    if (isNew) await this.#files.syncFolder(streamFolder(this.#dir, this.#stream));
    segment.byteEnd = start + buffers.reduce((sum, { length }) => sum + length, 0);
    this.#metrics?.syncs.add({ stream: this.#stream });
    this.#metrics?.syncSeconds.observe((performance.now() - beganMs) / 1000, { stream: this.#stream });
  }

  #settle(group: readonly Waiting[]): void {
    const stream = this.#stream;
    const firstOffset = this.#nextOffset;
    const { items, bytes } = sumGroup(group);
    this.#nextOffset += group.length;
    this.#itemsTotal += items;
    this.#bytesTotal += bytes;
    this.#waitingSizeBytes -= bytes + group.length * recordHeaderSizeBytes;
    this.#publish();
    this.#metrics?.appendedRecords.add({ stream }, group.length);
    this.#metrics?.appendedItems.add({ stream }, items);
    this.#metrics?.appendedBytes.add({ stream }, bytes);
    for (const [index, waiting] of group.entries()) {
      waiting.resolve({ stream, shard: 0, offset: firstOffset + index });
    }
  }

  #createSegment(): OpenSegment {
    const baseOffset = this.#nextOffset;
    const path = segmentPath(this.#dir, this.#stream, baseOffset);
    const spare = this.#retention.takeSpare(path);
    const fd = spare?.fd ?? this.#files.createForWrite(path);
    const reusedSizeBytes = spare?.sizeBytes ?? 0;
    return { fd, baseOffset, itemsBefore: this.#itemsTotal, byteEnd: 0, reusedSizeBytes };
  }

  #segmentHeader({ baseOffset, reusedSizeBytes }: OpenSegment): Buffer {
    return encodeSegmentHeader({
      journalId: this.#journalId,
      stream: this.#stream,
      shard: 0,
      baseOffset,
      itemsBefore: this.#itemsTotal,
      bytesBefore: this.#bytesTotal,
      createdAtMs: this.#clock.nowMs(),
      isCompressed: false,
      reusedSizeBytes,
    });
  }

  #sealSegment(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#segment = undefined;
    this.#closeSegment(segment);
    this.#seal(segment);
    void this.retain();
  }

  /** Leaves a file that could not be written or synced; its synced records stay. */
  #abandonSegment(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    const isEmpty = this.#isSegmentEmpty();
    this.#segment = undefined;
    try {
      // The next segment gets this one's name if nothing of it counts.
      if (isEmpty) this.#files.remove(segmentPath(this.#dir, this.#stream, segment.baseOffset));
    } catch (error) {
      this.#metrics?.failures.add({ stream: this.#stream, operation: "remove" });
      this.#log?.warn("a segment of which nothing counts could not be removed", {
        stream: this.#stream,
        error,
      });
    }
    this.#closeSegment(segment, !isEmpty);
    if (!isEmpty) this.#seal(segment);
  }

  #seal({ baseOffset, itemsBefore, byteEnd: sizeBytes }: OpenSegment): void {
    const end = { offsetEnd: this.#nextOffset, itemsEnd: this.#itemsTotal };
    this.#retention.seal({ baseOffset, itemsBefore, sizeBytes, isCompressed: false, ...end });
  }

  #closeSegment(segment: OpenSegment, hasRest?: boolean): void {
    const context = { files: this.#files, stream: this.#stream, log: this.#log, metrics: this.#metrics };
    closeSegment(context, segment, hasRest);
  }

  #publish(): void {
    this.#publisher.publish({
      segmentBase: this.#segment?.baseOffset ?? this.#nextOffset,
      byteEnd: this.#segment?.byteEnd ?? segmentHeaderSizeBytes,
      nextOffset: this.#nextOffset,
      itemsTotal: this.#itemsTotal,
      bytesTotal: this.#bytesTotal,
    });
  }

  #armTimer(): void {
    this.#cancelTimer = this.#clock.setTimer(() => {
      void this.retain().then(() => this.compact());
      this.#armTimer();
    }, retainIntervalMs);
  }
}
