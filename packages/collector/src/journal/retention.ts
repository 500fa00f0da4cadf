import type { Clock, Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { kindOfName, listCursors, readCursor, type Consumer } from "./cursor.ts";
import type { JournalFiles } from "./files.ts";
import { segmentPath } from "./layout.ts";
import type { JournalMetrics } from "./metrics.ts";
import type { SegmentEntry } from "./recovery.ts";

export interface RetentionSettings {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
  readonly sizeBytesMax: number;
  /** Count from the beginning, before they have a cursor. */
  readonly consumers: readonly Consumer[];
  readonly clock: Clock;
  readonly log: Log | undefined;
  readonly metrics: JournalMetrics | undefined;
}

/** The sealed segments of a stream and the rule by which they go. */
export interface Retention {
  readonly sizeBytes: number;
  /** A segment that is no longer written; its records end where the next one's begin. */
  seal(segment: SegmentEntry & { readonly offsetEnd: number }): void;
  /** Deletes what every consumer has passed. Resolves when the files are gone. */
  release(): Promise<void>;
  /** Whether `sizeBytes` more fit the budget, after dropping what only lagging exporters still want. */
  makeRoom(sizeBytes: number): boolean;
  /** When there may be room again, from the speed at which segments went lately. */
  retryAfterMs(sizeBytes: number): number;
}

interface ConsumerOffset {
  readonly consumer: Consumer;
  readonly offset: number;
}

interface Sealed extends SegmentEntry {
  readonly offsetEnd: number;
}

/** Looking at the cursors costs a read each; a full journal refuses thousands of appends a second. */
const lookIntervalMs = 100;
const drainWindowMs = 60_000;
const retryAfterMsMin = 1_000;
const retryAfterMsMax = 30_000;
const retryAfterMsUnknown = 5_000;

export function createRetention(settings: RetentionSettings): Retention {
  const { files, dir, stream, sizeBytesMax, clock, log, metrics } = settings;
  const sealed: Sealed[] = [];
  let sizeBytes = 0;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let freed: { atMs: number; sizeBytes: number }[] = [];

  const readOffsets = (): ConsumerOffset[] => {
    const consumers = new Map(settings.consumers.map((consumer) => [consumer.name, consumer]));
    for (const name of listCursors(files, dir, stream)) {
      if (!consumers.has(name)) consumers.set(name, { name, kind: kindOfName(name) });
    }
    return [...consumers.values()].map((consumer) => ({
      consumer,
      offset: readCursor(files, dir, { stream, consumer: consumer.name }, log)?.offset ?? 0,
    }));
  };

  /** Of cursors that cannot be read nothing is known: then nothing goes. */
  const look = (): ConsumerOffset[] | undefined => {
    try {
      return readOffsets();
    } catch (error) {
      metrics?.failures.add({ stream, operation: "read_cursors" });
      log?.error("the cursors could not be read; no segment is deleted", { stream, error });
      return undefined;
    }
  };

  const drop = async (): Promise<void> => {
    const segment = sealed.shift()!;
    sizeBytes -= segment.sizeBytes;
    freed.push({ atMs: clock.nowMs(), sizeBytes: segment.sizeBytes });
    const path = segmentPath(dir, stream, segment.baseOffset);
    try {
      await files.removeLater(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      metrics?.failures.add({ stream, operation: "remove" });
      log?.error("a segment that nobody needs could not be deleted", { path, error });
    }
  };

  const releaseNow = (offsets: readonly ConsumerOffset[]): Promise<void>[] => {
    // Nobody registered yet is no reason to delete: the consumers may still be on their way.
    if (offsets.length === 0) return [];
    const passed = Math.min(...offsets.map(({ offset }) => offset));
    const removals: Promise<void>[] = [];
    while (sealed.length > 0 && sealed[0]!.offsetEnd <= passed) removals.push(drop());
    return removals;
  };

  /** Drops the oldest segment unless derive or a store still has to read it. */
  const evictOldest = (offsets: readonly ConsumerOffset[]): boolean => {
    const oldest = sealed[0];
    if (oldest === undefined) return false;
    const waiting = offsets.filter(({ offset }) => offset < oldest.offsetEnd);
    if (waiting.some(({ consumer }) => consumer.kind === "state")) return false;
    for (const { consumer, offset } of waiting) {
      const records = oldest.offsetEnd - Math.max(offset, oldest.baseOffset);
      metrics?.evictedRecords.add({ stream, consumer: consumer.name }, records);
      log?.warn("the disk budget is spent: records that an exporter had not sent were dropped", {
        stream,
        consumer: consumer.name,
        records,
      });
    }
    void drop();
    return true;
  };

  return {
    get sizeBytes() {
      return sizeBytes;
    },
    seal(segment) {
      sealed.push(segment);
      sizeBytes += segment.sizeBytes;
    },
    async release() {
      await Promise.all(releaseNow(look() ?? []));
    },
    makeRoom(neededSizeBytes) {
      if (sizeBytes + neededSizeBytes <= sizeBytesMax) return true;
      const nowMs = clock.nowMs();
      if (nowMs - lookedAtMs < lookIntervalMs) return false;
      lookedAtMs = nowMs;
      const offsets = look();
      if (offsets === undefined) return false;
      void Promise.all(releaseNow(offsets));
      for (;;) {
        if (sizeBytes + neededSizeBytes <= sizeBytesMax) break;
        if (!evictOldest(offsets)) return false;
      }
      lookedAtMs = Number.NEGATIVE_INFINITY;
      return true;
    },
    retryAfterMs(neededSizeBytes) {
      const nowMs = clock.nowMs();
      freed = freed.filter(({ atMs }) => nowMs - atMs < drainWindowMs);
      const drainedSizeBytes = freed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      if (drainedSizeBytes === 0) return retryAfterMsUnknown;
      const missingSizeBytes = sizeBytes + neededSizeBytes - sizeBytesMax;
      const waitMs = (missingSizeBytes / drainedSizeBytes) * drainWindowMs;
      return Math.round(Math.min(Math.max(waitMs, retryAfterMsMin), retryAfterMsMax));
    },
  };
}
