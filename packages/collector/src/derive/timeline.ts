import type { JournalRecord, SeriesWrite, Stream, StreamReader } from "../model/index.ts";
import type { SeriesTable } from "./series-table.ts";

/**
 * When what was counted becomes samples. The only clock is `receivedAtMs` of the records; the wall clock is asked for
 * one thing: whether a stream that has nothing more to read may be taken as silent up to now.
 *
 *   grid point g   closes when every stream is known to hold nothing more at or before g: it has a record after g in
 *                  hand, or was found empty at g + settleMs or later. Samples at g contain exactly the records with
 *                  receivedAtMs <= g.
 *   between them   watched series that changed are written with the time of the last record counted.
 *   promised       the greatest time of which it is known that no sample at or before it will be written any more
 *                  (but for the 0 that begins a new counter). A record that turns up with a time already promised away
 *                  (it took longer than settleMs from its receipt to the disk) counts as received just after it.
 */
export interface Timeline {
  /** Does what can be done at wall time `nowMs`, for at most `stepBytesMax` of records. */
  step(nowMs: number, canWrite: boolean): StepOutcome;
  /** Whether every record of the stream that was there has been counted, so that only a new one can be news. */
  isDrained(stream: Stream): boolean;
  /** Offset of the first record of a stream that has not been counted. */
  nextOffset(stream: Stream): number;
  snapshot(): TimelineState;
  restore(state: TimelineState): void;
}

/** "more": call again soon. "waiting": something is to be written but may not be yet. "idle": until there is more, or time passes. */
export type StepOutcome = "more" | "waiting" | "idle";

export interface TimelineState {
  readonly gridMs: number;
  readonly countedMs: number;
  readonly promisedMs: number;
  readonly resumedMs: number;
  readonly endedMs: number;
}

export interface Feed {
  readonly stream: Stream;
  readonly reader: StreamReader;
}

/** What is counted. */
export interface Counters {
  count(stream: Stream, record: JournalRecord): void;
  /** Brings the table up to date. */
  flush(): void;
  /** What happens only at grid points: expired series, and silent sources (silence counts from `resumedMs` on). */
  closeGrid(gridMs: number, resumedMs: number): void;
}

export interface TimelineSettings {
  readonly stepMs: number;
  readonly settleMs: number;
  readonly watchedIntervalMs: number;
  readonly stepBytesMax: number;
  readonly readBytesMax: number;
}

/** Grid points further behind than this with nothing received since are left out: nobody was there to sample. */
const jumpMs = 30_000;

export function createTimeline({
  feeds,
  counters,
  table,
  settings,
  startedAtMs,
  writtenMs,
  write,
  promise,
  straggled,
}: {
  readonly feeds: readonly Feed[];
  readonly counters: Counters;
  readonly table: SeriesTable;
  readonly settings: TimelineSettings;
  /** Wall time of this run's start: what was silent before it may have been speaking to nobody. */
  readonly startedAtMs: number;
  /** Time of the last sample that an earlier run has written; nothing at or before it is written again. */
  readonly writtenMs: number;
  /** Called only when `step` was told that it may write. */
  readonly write: (writes: readonly SeriesWrite[]) => void;
  readonly promise: (promisedMs: number) => void;
  /** A record came later than promised. */
  readonly straggled: () => void;
}): Timeline {
  const { stepMs, settleMs } = settings;
  const inHand = feeds.map(() => ({ records: [] as readonly JournalRecord[], at: 0 }));
  let gridMs = Number.NaN;
  let countedMs = -Infinity;
  let promisedMs = -Infinity;
  let resumedMs = -Infinity;
  let batchMs = -Infinity;
  let watchedWrittenAtMs = -Infinity;

  function peek(index: number): JournalRecord | undefined {
    const hand = inHand[index]!;
    if (hand.at === hand.records.length) {
      hand.records = feeds[index]!.reader.read({ sizeBytesMax: settings.readBytesMax });
      hand.at = 0;
    }
    return hand.records[hand.at];
  }

  const indexOf = (stream: Stream) => feeds.findIndex((feed) => feed.stream === stream);
  const gridAfter = (timeMs: number) => Math.ceil(timeMs / stepMs) * stepMs;

  /**
   * Counts records up to the open grid point. Gives the time up to which nothing unread can be: before the next record
   * of each stream, or now where there is none; undefined when there are more records than one step may take.
   */
  function countRecords(nowMs: number): number | undefined {
    let untilMs = Infinity;
    let sizeBytes = 0;
    for (const index of feeds.keys()) {
      for (;;) {
        const record = peek(index);
        if (record === undefined) {
          untilMs = Math.min(untilMs, nowMs - settleMs);
          break;
        }
        if (Number.isNaN(gridMs)) gridMs = gridAfter(record.receivedAtMs);
        const timeMs = Math.max(record.receivedAtMs, promisedMs + 1);
        if (timeMs > gridMs) {
          untilMs = Math.min(untilMs, timeMs - 1);
          break;
        }
        if (timeMs > record.receivedAtMs) straggled();
        table.recordMs = timeMs;
        counters.count(feeds[index]!.stream, record);
        inHand[index]!.at += 1;
        countedMs = Math.max(countedMs, timeMs);
        sizeBytes += record.payload.length;
        if (sizeBytes >= settings.stepBytesMax) return undefined;
      }
    }
    return untilMs;
  }

  function keepPromise(untilMs: number): void {
    if (untilMs <= promisedMs) return;
    promisedMs = untilMs;
    promise(untilMs);
  }

  function closeGrid(untilMs: number): void {
    table.recordMs = gridMs;
    counters.flush();
    counters.closeGrid(gridMs, gridMs > writtenMs ? Math.max(resumedMs, startedAtMs) : resumedMs);
    if (gridMs > writtenMs) write(table.collectGrid(gridMs));
    else table.passGrid(gridMs);
    batchMs = gridMs;
    keepPromise(gridMs);
    gridMs += stepMs;
    if (untilMs - gridMs > jumpMs) {
      // The last point of the gap is closed all the same: what expired in the gap has to end before new records count.
      gridMs = Math.floor(untilMs / stepMs) * stepMs;
      resumedMs = gridMs;
    }
  }

  function writeWatched(nowMs: number): void {
    const timeMs = Math.max(countedMs, batchMs + 1, promisedMs + 1);
    // At the grid point itself the grid's own sample stands; before `writtenMs` a replay has nothing to say.
    if (timeMs >= gridMs || timeMs <= writtenMs) return;
    counters.flush();
    write(table.collectWatched(timeMs));
    batchMs = timeMs;
    watchedWrittenAtMs = nowMs;
  }

  return {
    step(nowMs, canWrite) {
      const untilMs = countRecords(nowMs);
      if (untilMs === undefined) return "more";
      if (Number.isNaN(gridMs)) gridMs = gridAfter(untilMs + 1);
      if (untilMs >= gridMs) {
        if (!canWrite) return "waiting";
        closeGrid(untilMs);
        return "more";
      }
      const isDue = nowMs >= watchedWrittenAtMs + settings.watchedIntervalMs;
      let isWaiting = false;
      if (table.watchedSinceMs < Infinity && isDue) {
        if (canWrite) writeWatched(nowMs);
        else isWaiting = true;
      }
      keepPromise(Math.min(untilMs, gridMs - 1, table.watchedSinceMs - 1));
      return isWaiting ? "waiting" : "idle";
    },
    isDrained(stream) {
      const { records, at } = inHand[indexOf(stream)]!;
      return at === records.length;
    },
    nextOffset(stream) {
      const index = indexOf(stream);
      const { records, at } = inHand[index]!;
      return records[at]?.position.offset ?? feeds[index]!.reader.nextOffset;
    },
    snapshot: () => ({ gridMs, countedMs, promisedMs, resumedMs, endedMs: table.endedMs }),
    restore(state) {
      ({ gridMs, countedMs, promisedMs, resumedMs } = state);
      table.endedMs = state.endedMs;
    },
  };
}
