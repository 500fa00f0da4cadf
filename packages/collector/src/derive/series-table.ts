import {
  emptiedHistogram,
  type Exemplar,
  type HistogramWrite,
  type Labels,
  type MetricType,
  type NativeHistogram,
  type SampleWrite,
  type SeriesMemo,
  type SeriesWrite,
} from "../model/index.ts";

/** What all series of one metric have in common. */
export interface Family {
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

/**
 * What a new series begins with.
 * "step_before": a counter that began just now: a 0 one step before its first sample, or `rate` misses its first event.
 * "at_start": a counter of somebody else that began at `startMs`: a 0 there, if that is not long ago.
 * "none": no 0.
 */
export type Origin =
  | { readonly kind: "step_before" }
  | { readonly kind: "at_start"; readonly startMs: number }
  | { readonly kind: "none" };

export interface NewSeries {
  readonly labels: Labels;
  readonly family: Family;
  readonly origin: Origin;
  /** From a snapshot: the series has been written before, and its counter began then. */
  readonly introducedStartMs?: number;
  /** Goes in though the table is full: there is one per metric. */
  readonly isOverflow?: true;
  /** Its values are native histograms: this is the first. */
  readonly histogram?: NativeHistogram;
}

/** The current value of every derived series, and what of it has still to be written. */
export interface SeriesTable {
  /** Time of the record being counted; set before each record. */
  recordMs: number;
  /** Time of the first change of a watched series that has not been written; Infinity when there is none. */
  readonly watchedSinceMs: number;
  readonly size: number;
  hasRoom(count: number): boolean;
  /** The number of the new series; -1 when the table is full. */
  add(series: NewSeries): number;
  set(this: void, id: number, value: number): void;
  /** Of a series that was added with one. */
  setHistogram(this: void, id: number, histogram: NativeHistogram): void;
  /** Sets a value from a snapshot, which is no change. */
  load(this: void, id: number, value: number): void;
  /** A counter of somebody else began anew. */
  setStart(id: number, startMs: number): void;
  /** One example for the next sample; the first one of a grid step stays. */
  setExemplar(id: number, exemplar: Exemplar): void;
  /** The series ends: a staleness marker at the grid point that is being closed; called at no other time. */
  remove(id: number): void;
  isWatched(id: number): boolean;
  /** Says that a watched series will change when the counters are brought up to date. */
  noteWatched(): void;
  /** Asks again which series are watched. */
  refreshWatched(): void;
  /** Start of the counter when the series has been written already; undefined before. */
  introducedStartMs(id: number): number | undefined;
  /** Samples at `timestampMs` for watched series that changed; good until something is collected again. */
  collectWatched(timestampMs: number): SeriesWrite[];
  /**
   * Samples at grid point `timestampMs`: what changed, what ended, and what was not written for `heartbeatSteps`; good until
   * something is collected again.
   */
  collectGrid(timestampMs: number): SeriesWrite[];
  /** A grid point that an earlier run has written: what ended there has its marker, what changed waits for the next one. */
  passGrid(timestampMs: number): void;
  /** Time of the last staleness marker; a series that begins anew does so after it. */
  endedMs: number;
}

export interface SeriesTableSettings {
  readonly seriesMax: number;
  readonly stepMs: number;
  readonly heartbeatSteps: number;
  readonly isWatched: (labels: Labels) => boolean;
  /** Whether the series has samples already; asked for a series that first appears while the journal is replayed. */
  readonly isKnown: (labels: Labels, createdMs: number) => boolean;
}

const nothing: readonly never[] = [];
const flagDirty = 1;
const flagIntroduced = 2;
const flagWatched = 4;
/** A counter that began longer ago gets no 0: nobody's window reaches there, and stores refuse samples that old. */
const zeroReachMs = 300_000;

interface Entry {
  readonly origin: Origin;
  readonly createdMs: number;
  startMs: number;
  exemplar: Exemplar | undefined;
  exemplarStep: number;
  /** Undefined when the values are floats. */
  histogram: NativeHistogram | undefined;
  /** What is written of it: one object, filled anew, as thousands a second that last for a sync would all be old by then. */
  readonly write: Mutable<SeriesWrite>;
  readonly newest: readonly [Mutable<SampleWrite>];
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export function createSeriesTable(settings: SeriesTableSettings): SeriesTable {
  const { seriesMax, stepMs, heartbeatSteps, isWatched, isKnown } = settings;
  const entries: (Entry | undefined)[] = [];
  const free: number[] = [];
  let values = new Float64Array(256);
  let flags = new Uint8Array(256);
  let dirty: number[] = [];
  let ended: Entry[] = [];
  let size = 0;
  let watchedSinceMs = Infinity;

  function grow(): void {
    const grownValues = new Float64Array(values.length * 2);
    grownValues.set(values);
    values = grownValues;
    const grownFlags = new Uint8Array(flags.length * 2);
    grownFlags.set(flags);
    flags = grownFlags;
  }

  function markDirty(id: number): void {
    if ((flags[id]! & flagDirty) === 0) {
      flags[id]! |= flagDirty;
      dirty.push(id);
    }
    if ((flags[id]! & flagWatched) !== 0) table.noteWatched();
  }

  /** When the 0 is that a new counter begins with, if it gets one; fixes its start. */
  function introduce(entry: Entry, timestampMs: number): number | undefined {
    const { origin } = entry;
    if (origin.kind === "none") return undefined;
    // A counter of somebody else may have been written by any earlier run; ours only by one that is being replayed.
    const known = isKnown(entry.write.labels, origin.kind === "at_start" ? -Infinity : entry.createdMs);
    const wantedMs =
      origin.kind === "at_start" ? Math.min(origin.startMs, timestampMs - stepMs) : timestampMs - stepMs;
    const zeroMs = Math.max(wantedMs, table.endedMs + 1);
    if (origin.kind === "at_start") entry.startMs = origin.startMs;
    else entry.startMs = known ? Math.max(1, entry.createdMs - stepMs) : Math.max(1, zeroMs);
    const isReached = zeroMs > 0 && zeroMs < timestampMs && wantedMs >= timestampMs - zeroReachMs;
    return known || !isReached ? undefined : zeroMs;
  }

  function write(id: number, timestampMs: number): SeriesWrite {
    const entry = entries[id]!;
    const zeroMs = (flags[id]! & flagIntroduced) === 0 ? introduce(entry, timestampMs) : undefined;
    flags[id] = (flags[id]! | flagIntroduced) & ~flagDirty;
    const { write, newest, startMs, exemplar, histogram } = entry;
    write.startTimestampMs = startMs;
    write.exemplars = exemplar === undefined ? nothing : [exemplar];
    if (exemplar !== undefined) {
      entry.exemplar = undefined;
      entry.exemplarStep = Math.ceil(timestampMs / stepMs);
    }
    if (histogram === undefined) {
      newest[0].timestampMs = timestampMs;
      newest[0].value = values[id]!;
      write.samples = zeroMs === undefined ? newest : [{ timestampMs: zeroMs, value: 0 }, ...newest];
      return write;
    }
    const histograms: HistogramWrite[] = [{ timestampMs, counts: "integer", histogram }];
    if (zeroMs !== undefined) {
      histograms.unshift({ timestampMs: zeroMs, counts: "integer", histogram: emptiedHistogram(histogram) });
    }
    return { ...write, histograms };
  }

  function writeEnded({ write, startMs, histogram }: Entry, timestampMs: number): SeriesWrite {
    const { labels, type, help, unit } = write;
    if (histogram !== undefined) {
      const histograms: HistogramWrite[] = [
        {
          timestampMs,
          counts: "integer",
          histogram: { ...emptiedHistogram(histogram), sum: Number.NaN },
          isStale: true,
        },
      ];
      return { labels, type, help, unit, startTimestampMs: startMs, samples: [], histograms, exemplars: [] };
    }
    const samples: SampleWrite[] = [{ timestampMs, value: Number.NaN, isStale: true }];
    return { labels, type, help, unit, startTimestampMs: startMs, samples, exemplars: [] };
  }

  const table: SeriesTable = {
    recordMs: 0,
    endedMs: -Infinity,
    get watchedSinceMs() {
      return watchedSinceMs;
    },
    get size() {
      return size;
    },
    hasRoom: (count) => size + count <= seriesMax,
    add({ labels, family, origin, introducedStartMs, isOverflow, histogram }) {
      if (size >= seriesMax && isOverflow !== true) return -1;
      const id = free.pop() ?? entries.length;
      if (id >= values.length) grow();
      const startMs = introducedStartMs ?? 0;
      const createdMs = table.recordMs;
      const memo: SeriesMemo = { slot: -1, generation: -1 };
      const { type, help, unit } = family;
      entries[id] = {
        origin,
        createdMs,
        startMs,
        exemplar: undefined,
        exemplarStep: -1,
        histogram,
        write: { labels, memo, type, help, unit, startTimestampMs: 0, samples: nothing, exemplars: nothing },
        newest: [{ timestampMs: 0, value: 0 }],
      };
      values[id] = 0;
      flags[id] =
        (introducedStartMs === undefined ? 0 : flagIntroduced) | (isWatched(labels) ? flagWatched : 0);
      size += 1;
      flags[id] |= flagDirty;
      dirty.push(id);
      // One that was restored waits for the grid; a new one is news.
      if (introducedStartMs === undefined && table.isWatched(id)) table.noteWatched();
      return id;
    },
    set(id, value) {
      if (Object.is(values[id], value)) return;
      values[id] = value;
      markDirty(id);
    },
    setHistogram(id, histogram) {
      const entry = entries[id]!;
      const before = entry.histogram!;
      entry.histogram = histogram;
      // Whatever is observed is counted; a sum alone does not change.
      if (before.count !== histogram.count || before.schema !== histogram.schema) markDirty(id);
    },
    load(id, value) {
      values[id] = value;
    },
    setStart(id, startMs) {
      entries[id]!.startMs = startMs;
    },
    setExemplar(id, exemplar) {
      const entry = entries[id]!;
      if (entry.exemplar === undefined && entry.exemplarStep !== Math.ceil(exemplar.timestampMs / stepMs)) {
        entry.exemplar = exemplar;
      }
    },
    remove(id) {
      const entry = entries[id]!;
      if ((flags[id]! & flagIntroduced) !== 0) ended.push(entry);
      entries[id] = undefined;
      flags[id] = 0;
      free.push(id);
      size -= 1;
    },
    isWatched: (id) => (flags[id]! & flagWatched) !== 0,
    noteWatched() {
      watchedSinceMs = Math.min(watchedSinceMs, table.recordMs);
    },
    refreshWatched() {
      for (const [id, entry] of entries.entries()) {
        if (entry === undefined) continue;
        flags[id] = (flags[id]! & ~flagWatched) | (isWatched(entry.write.labels) ? flagWatched : 0);
      }
    },
    introducedStartMs: (id) => ((flags[id]! & flagIntroduced) === 0 ? undefined : entries[id]!.startMs),
    collectWatched(timestampMs) {
      const writes: SeriesWrite[] = [];
      const waiting: number[] = [];
      for (const id of dirty) {
        if ((flags[id]! & flagDirty) === 0) continue;
        if ((flags[id]! & flagWatched) === 0) waiting.push(id);
        else writes.push(write(id, timestampMs));
      }
      dirty = waiting;
      watchedSinceMs = Infinity;
      return writes;
    },
    passGrid(timestampMs) {
      if (ended.length > 0) table.endedMs = timestampMs;
      ended = [];
    },
    collectGrid(timestampMs) {
      const writes: SeriesWrite[] = [];
      const phase = Math.floor(timestampMs / stepMs) % heartbeatSteps;
      // A number may have been given up and taken again since it was put on the list; the flag tells.
      for (const id of dirty)
        if ((flags[id]! & flagDirty) !== 0 && id % heartbeatSteps !== phase)
          writes.push(write(id, timestampMs));
      for (let id = phase; id < entries.length; id += heartbeatSteps) {
        if (entries[id] !== undefined) writes.push(write(id, timestampMs));
      }
      for (const entry of ended) writes.push(writeEnded(entry, timestampMs));
      if (ended.length > 0) table.endedMs = timestampMs;
      ended = [];
      dirty = [];
      watchedSinceMs = Infinity;
      return writes;
    },
  };
  return table;
}
