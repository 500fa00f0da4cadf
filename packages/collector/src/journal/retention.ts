import type { Clock, Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { writeBase, type StreamBase } from "./base-file.ts";
import { kindOfName, listCursors, readCursor, type Consumer, type Cursor } from "./cursor.ts";
import { createDrainRate } from "./drain-rate.ts";
import { createEvictionForecast } from "./eviction-forecast.ts";
import type { JournalFiles } from "./files.ts";
import { segmentPath } from "./layout.ts";
import type { JournalMetrics } from "./metrics.ts";
import type { SegmentEntry } from "./recovery.ts";
import { createSpareFiles, type SpareFiles } from "./spare-files.ts";

export interface RetentionSettings {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
  readonly sizeBytesMax: number;
  readonly segmentSizeBytesMax: number;
  /** Count from the beginning, before they have a cursor. */
  readonly consumers: readonly Consumer[];
  /** Of the stream, and the synced size of the segment being written; 0 when there is none yet. */
  readonly end: () => StreamBase & { readonly openSizeBytes: number };
  readonly clock: Clock;
  readonly log: Log | undefined;
  readonly metrics: JournalMetrics | undefined;
}

/** A segment that is no longer written; its records end where the next one's begin. */
export interface SealedSegment extends SegmentEntry {
  readonly offsetEnd: number;
  /** Items of all records of the stream before `offsetEnd`. */
  readonly itemsEnd: number;
}

/** The sealed segments of a stream and the rule by which they go. */
export interface Retention {
  /** With the files that are kept to be written over. */
  readonly sizeBytes: number;
  seal(segment: SealedSegment): void;
  /** A file for the segment of this path that need not be created; see SpareFiles. */
  takeSpare(path: string): ReturnType<SpareFiles["take"]>;
  /** Deletes what every consumer has passed. Resolves when the names are gone. */
  release(): Promise<void>;
  /** Whether `sizeBytes` more fit the budget, after dropping what only lagging exporters still want. */
  makeRoom(sizeBytes: number): boolean;
  /** Whether `makeRoom` would say yes, once the segment being written is sealed; drops nothing. */
  hasRoom(sizeBytes: number): boolean;
  /** When there may be room again, from the speed at which segments went lately. */
  retryAfterMs(sizeBytes: number): number;
  /** For each configured exporter, the time until records that it has not sent are dropped; see EvictionForecast. */
  secondsUntilEviction(): readonly { readonly consumer: string; readonly seconds: number }[];
  /** The oldest segment that was sealed by then and is not compressed. */
  nextToCompress(sealedUntilMs: number): SealedSegment | undefined;
  holds(segment: SealedSegment): boolean;
  /** The segment's file has another size now. */
  replaced(segment: SealedSegment, sizeBytes: number): void;
  /** The segment stays as it is. */
  leave(segment: SealedSegment): void;
  /** Gives the spare files back to the disk, which is full or fails. */
  giveBack(): void;
  /** The same for good. */
  close(): Promise<void>;
}

interface ConsumerCursor {
  readonly consumer: Consumer;
  readonly cursor: Cursor;
}

interface Kept {
  readonly segment: SealedSegment;
  readonly sealedAtMs: number;
  sizeBytes: number;
  isDue: boolean;
}

/** Looking at the cursors costs a read each; a full journal refuses thousands of appends a second. */
const lookIntervalMs = 100;
const start: Cursor = { offset: 0, items: 0, bytes: 0 };

export function createRetention(settings: RetentionSettings): Retention {
  const { files, dir, stream, sizeBytesMax, clock, log, metrics } = settings;
  const kept: Kept[] = [];
  const drainRate = createDrainRate(clock);
  const forecast = createEvictionForecast();
  let sizeBytes = 0;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let exporters: readonly ConsumerCursor[] = [];
  /** Of the segments that were compressed. */
  let compressed = { before: 0, after: 0 };
  /** What could go, and when that was last looked at. */
  let droppableSizeBytes = 0;
  let measuredAtMs = Number.NEGATIVE_INFINITY;

  const remove = async (path: string, isUnread: boolean): Promise<void> => {
    try {
      await files.removeLater(path, isUnread);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      metrics?.failures.add({ stream, operation: "remove" });
      log?.error("a segment that nobody needs could not be deleted", { path, error });
    }
  };

  const spares = createSpareFiles({
    files,
    segmentSizeBytesMax: settings.segmentSizeBytesMax,
    remove: (path) => remove(path, true),
    onFailure(error) {
      metrics?.failures.add({ stream, operation: "reuse" });
      log?.warn("the file of a segment could not be used again", { stream, error });
    },
    clock,
  });

  const readCursors = (): ConsumerCursor[] => {
    const consumers = new Map(settings.consumers.map((consumer) => [consumer.name, consumer]));
    for (const name of listCursors(files, dir, stream)) {
      if (!consumers.has(name)) consumers.set(name, { name, kind: kindOfName(name) });
    }
    return [...consumers.values()].map((consumer) => ({
      consumer,
      cursor: readCursor(files, dir, { stream, consumer: consumer.name }, log) ?? start,
    }));
  };

  /** Of cursors that cannot be read nothing is known: then nothing goes. */
  const look = (): ConsumerCursor[] | undefined => {
    try {
      const found = readCursors();
      // Of one that is not configured any more no back end can be brought up.
      exporters = found.filter(
        ({ consumer: { name, kind } }) =>
          kind === "exporter" && settings.consumers.some((consumer) => consumer.name === name),
      );
      return found;
    } catch (error) {
      metrics?.failures.add({ stream, operation: "read_cursors" });
      log?.error("the cursors could not be read; no segment is deleted", { stream, error });
      return undefined;
    }
  };

  /** With the last durable segment would go what it alone knows: which offset comes next. */
  const mayDrop = (): boolean => {
    const { openSizeBytes, ...base } = settings.end();
    if (kept.length > 1 || openSizeBytes > 0) return true;
    try {
      writeBase({ files, dir, stream }, base);
      return true;
    } catch (error) {
      metrics?.failures.add({ stream, operation: "write_base" });
      log?.error("the end of a stream could not be noted; its last segment stays", { stream, error });
      return false;
    }
  };

  /** `isUnread`: every consumer has passed it. */
  const drop = (isUnread: boolean): Promise<void> => {
    const { segment, sizeBytes: droppedSizeBytes } = kept.shift()!;
    sizeBytes -= droppedSizeBytes;
    drainRate.freed(droppedSizeBytes);
    measuredAtMs = Number.NEGATIVE_INFINITY;
    const path = segmentPath(dir, stream, segment.baseOffset);
    const reused = isUnread ? spares.put(path, droppedSizeBytes) : undefined;
    return reused ?? remove(path, isUnread);
  };

  const releaseNow = (cursors: readonly ConsumerCursor[]): Promise<void>[] => {
    // Nobody registered yet is no reason to delete: the consumers may still be on their way.
    if (cursors.length === 0) return [];
    const passed = Math.min(...cursors.map(({ cursor }) => cursor.offset));
    const removals: Promise<void>[] = [];
    while (kept.length > 0 && kept[0]!.segment.offsetEnd <= passed && mayDrop()) removals.push(drop(true));
    return removals;
  };

  /** Of segments that no derive or store still has to read, the one being written among them. */
  const measureDroppable = (): number => {
    const cursors = look();
    if (cursors === undefined) return 0;
    const states = cursors.filter(({ consumer }) => consumer.kind === "state");
    const passed = Math.min(...states.map(({ cursor }) => cursor.offset));
    const { offset, openSizeBytes } = settings.end();
    return kept
      .filter(({ segment }) => segment.offsetEnd <= passed)
      .reduce((sum, entry) => sum + entry.sizeBytes, offset <= passed ? openSizeBytes : 0);
  };

  /** Drops the oldest segment unless derive or a store still has to read it. */
  const evictOldest = (cursors: readonly ConsumerCursor[]): boolean => {
    const oldest = kept[0]?.segment;
    if (oldest === undefined) return false;
    const waiting = cursors.filter(({ cursor }) => cursor.offset < oldest.offsetEnd);
    if (waiting.some(({ consumer }) => consumer.kind === "state") || !mayDrop()) return false;
    for (const { consumer, cursor } of waiting) {
      const records = oldest.offsetEnd - Math.max(cursor.offset, oldest.baseOffset);
      const items = Math.max(0, oldest.itemsEnd - Math.max(cursor.items, oldest.itemsBefore));
      const place = { stream, consumer: consumer.name };
      metrics?.evictedRecords.add(place, records);
      metrics?.evictedItems.add(place, items);
      log?.warn("the disk budget is spent: records that an exporter had not sent were dropped", {
        ...place,
        records,
        items,
      });
    }
    void drop(false);
    return true;
  };

  /** Tells the forecast how far every exporter is behind. */
  const observeLags = (): void => {
    const { bytes: bytesTotal } = settings.end();
    for (const { consumer, cursor } of exporters) {
      const lagBytes = Math.max(0, bytesTotal - cursor.bytes);
      forecast.observe(consumer.name, { atMs: clock.nowMs(), lagBytes });
    }
  };

  const makeRoomBesideSpares = (neededSizeBytes: number): boolean => {
    const fits = (): boolean => sizeBytes + neededSizeBytes <= sizeBytesMax;
    if (fits()) return true;
    const nowMs = clock.nowMs();
    if (nowMs - lookedAtMs < lookIntervalMs) return false;
    lookedAtMs = nowMs;
    const cursors = look();
    if (cursors === undefined) return false;
    void Promise.all(releaseNow(cursors));
    while (!fits()) if (!evictOldest(cursors)) return false;
    lookedAtMs = Number.NEGATIVE_INFINITY;
    return true;
  };

  const findKept = (segment: SealedSegment): Kept | undefined =>
    kept.find((candidate) => candidate.segment === segment);

  return {
    get sizeBytes() {
      return sizeBytes + spares.sizeBytes;
    },
    takeSpare: (path) => spares.take(path),
    seal(segment) {
      const { sizeBytes: sealedSizeBytes, isCompressed } = segment;
      kept.push({ segment, sealedAtMs: clock.nowMs(), sizeBytes: sealedSizeBytes, isDue: !isCompressed });
      sizeBytes += sealedSizeBytes;
    },
    async release() {
      const removals = releaseNow(look() ?? []);
      spares.shrink(Number.POSITIVE_INFINITY);
      observeLags();
      await Promise.all(removals);
    },
    makeRoom(neededSizeBytes) {
      if (!makeRoomBesideSpares(neededSizeBytes)) return false;
      spares.shrink(sizeBytesMax - sizeBytes - neededSizeBytes);
      return true;
    },
    hasRoom(neededSizeBytes) {
      if (sizeBytes + neededSizeBytes <= sizeBytesMax) return true;
      const nowMs = clock.nowMs();
      if (nowMs - measuredAtMs >= lookIntervalMs) {
        measuredAtMs = nowMs;
        droppableSizeBytes = measureDroppable();
      }
      return sizeBytes - droppableSizeBytes + neededSizeBytes <= sizeBytesMax;
    },
    retryAfterMs: (neededSizeBytes) => drainRate.retryAfterMs(sizeBytes + neededSizeBytes - sizeBytesMax),
    secondsUntilEviction() {
      const { offset, openSizeBytes } = settings.end();
      const diskShare = compressed.before === 0 ? 1 : compressed.after / compressed.before;
      return exporters.map(({ consumer: { name: consumer }, cursor }) => {
        if (cursor.offset >= offset) return { consumer, seconds: Number.POSITIVE_INFINITY };
        // Everything older goes first.
        const wanted = kept.filter(({ segment }) => segment.offsetEnd > cursor.offset);
        const wantedSizeBytes = wanted.reduce((sum, entry) => sum + entry.sizeBytes, openSizeBytes);
        const room = { sizeBytes: sizeBytesMax - wantedSizeBytes, diskShare };
        return { consumer, seconds: forecast.seconds(consumer, room) };
      });
    },
    nextToCompress: (sealedUntilMs) =>
      kept.find(({ isDue, sealedAtMs }) => isDue && sealedAtMs <= sealedUntilMs)?.segment,
    holds: (segment) => findKept(segment) !== undefined,
    replaced(segment, newSizeBytes) {
      const entry = findKept(segment);
      if (entry === undefined) return;
      compressed = { before: compressed.before + entry.sizeBytes, after: compressed.after + newSizeBytes };
      sizeBytes += newSizeBytes - entry.sizeBytes;
      entry.sizeBytes = newSizeBytes;
      entry.isDue = false;
    },
    leave(segment) {
      const entry = findKept(segment);
      if (entry !== undefined) entry.isDue = false;
    },
    giveBack: () => spares.shrink(0),
    close: () => spares.close(),
  };
}
