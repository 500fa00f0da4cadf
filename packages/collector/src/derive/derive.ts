import type { Clock, Labels, Quarantine, SeriesWrite, Stream, StreamReader } from "../model/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import { createAppender } from "./appender.ts";
import { createCounters, type CountersState, type DerivedCounters } from "./counters.ts";
import { createSeriesTable } from "./series-table.ts";
import { encodeSnapshot, moveSnapshotAside, readSnapshot, replaceSnapshot } from "./snapshot-file.ts";
import { createTimeline, type StepOutcome, type Timeline, type TimelineState } from "./timeline.ts";

type DerivedStream = Exclude<Stream, "series">;

export interface DeriveSettings {
  readonly readers: Readonly<Record<DerivedStream, StreamReader>>;
  /** Take the records that cannot be counted; who opened them closes them, after `stop`. */
  readonly quarantines: Readonly<Record<DerivedStream, Quarantine>>;
  /**
   * Appends to the `series` stream; resolves when that is synced and the store has taken it in, as the watermark moves then.
   * A batch that fails is tried again until it succeeds; only QUARTET_RECORD_TOO_LARGE is split, and dropped when it is one series.
   * The writes change afterwards: whoever keeps any keeps a copy.
   */
  readonly appendSeries: (writes: readonly SeriesWrite[], receivedAtMs: number) => Promise<void>;
  /** Greatest timestamp among the samples in the `series` stream that were stamped by derive or a rule; asked once, by `start`. */
  readonly lastSeriesTimestampMs: () => number;
  /**
   * Last sample of exactly this series in the store; asked only for series that first appear while the journal is
   * replayed after a crash, to know whether their 0 has been written.
   */
  readonly lastSampleMs: (labels: Labels) => number | undefined;
  /** Whether a rule selects the series; asked once a series, and again after `refreshWatched`. */
  readonly isWatched: (labels: Labels) => boolean;
  readonly stateFile: string;
  readonly limits: {
    /** Series of all derived metrics together; beyond it, one series a metric takes the rest. */
    readonly seriesMax: number;
    /** Default 10,000. */
    readonly servicesMax?: number;
    /** Distinct names of spans. Default 100,000. */
    readonly spanNamesMax?: number;
  };
  /** A series ends when nothing was received for it for so long. Default 15 minutes. */
  readonly expireAfterMs?: number;
  /** Default 5 s. */
  readonly snapshotIntervalMs?: number;
  /** How long a record may take from its receipt to the disk before it counts as received later. Default 10 ms. */
  readonly settleMs?: number;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

export interface Derive {
  /** Takes up the snapshot, replays the journal from there, goes on. @throws CollectorError QUARTET_STATE_INVALID for a snapshot of a newer version. */
  start(): Promise<void>;
  /** Stops counting, writes what is under way, and leaves a final snapshot. Safe to call twice, and without `start`. */
  stop(): Promise<void>;
  /**
   * No sample with a timestamp at or before this time will be appended any more (but for the 0 that begins a new
   * counter), and every record received until then is counted. Series that nobody watches show it at the next grid point.
   */
  watermarkMs(): number;
  /** Called whenever the watermark has moved; the returned function ends that. */
  onWatermark(callback: (watermarkMs: number) => void): () => void;
  /** Asks `isWatched` again for every series; call it when the rules have changed. */
  refreshWatched(): void;
  /** Writes a snapshot now and commits the readers; resolves when it is on disk. */
  snapshot(): Promise<void>;
}

interface State {
  readonly timeline: TimelineState;
  readonly counters: CountersState;
  readonly offsets: Readonly<Record<DerivedStream, number>>;
}

interface Running {
  readonly counters: DerivedCounters;
  readonly timeline: Timeline;
  savedAtMs: number;
  saving: Promise<void> | undefined;
}

const derivedStreams: readonly DerivedStream[] = ["spans", "logs", "metrics"];
const stepMs = 1_000;
const heartbeatSteps = 15;
const watchedIntervalMs = 50;
const stepBytesMax = 2 * 1024 * 1024;
const readBytesMax = 1024 * 1024;
/** How often time alone may move the watermark; a rule waits that much longer at worst. */
const tickMs = 20;

/**
 * Turns records of the journal into series. Its state is exact: counters, positions and the open grid point are one
 * snapshot, replaced atomically; after a crash the journal is counted again from there, and no sample is written twice.
 * When what is made of records, and the meaning of the watermark: see timeline.ts.
 */
export function createDerive(settings: DeriveSettings): Derive {
  const { readers, clock, log, telemetry } = settings;
  const snapshotIntervalMs = settings.snapshotIntervalMs ?? 5_000;
  const callbacks = new Set<(watermarkMs: number) => void>();
  const stopping = new AbortController();
  let watermarkMs = -Infinity;
  let promisedMs = -Infinity;
  let running: Running | undefined;
  let loop: Promise<void> | undefined;
  let wake = () => {};
  let hasFailed = false;
  const armed = new Set<DerivedStream>();

  const snapshotFailures = telemetry.counter({
    name: "quartet_derive_snapshot_failures_total",
    help: "Snapshots of derived state that could not be written.",
  });
  const snapshotsDamaged = telemetry.counter({
    name: "quartet_derive_snapshots_damaged_total",
    help: "Snapshots of derived state that were damaged, so that counters began at 0 again.",
  });
  const stepFailures = telemetry.counter({
    name: "quartet_derive_failures_total",
    help: "Times that derive could not go on, as a read of the journal failed.",
  });
  const lostRecords = telemetry.counter({
    name: "quartet_derive_lost_records_total",
    help: "Records that had left the journal before they were counted.",
    labelNames: ["stream"],
  });
  const stragglers = telemetry.counter({
    name: "quartet_derive_late_records_total",
    help: "Records that took longer from receipt to disk than derive waits; counted at the next point in time.",
  });
  telemetry.observedGauge(
    {
      name: "quartet_derive_watermark_lag_seconds",
      help: "Age of the time up to which series are complete.",
    },
    (set) => {
      if (watermarkMs > -Infinity) set(Math.max(0, clock.nowMs() - watermarkMs) / 1_000);
    },
  );
  const appender = createAppender({
    append: settings.appendSeries,
    clock,
    telemetry,
    log,
    stopping: stopping.signal,
    settled: () => {
      publish();
      wake();
    },
  });

  function publish(): void {
    if (appender.isBusy || promisedMs <= watermarkMs) return;
    watermarkMs = promisedMs;
    for (const callback of callbacks) callback(watermarkMs);
  }

  async function open(): Promise<Running> {
    const found = await readSnapshot(settings.stateFile);
    const state = found.kind === "state" ? (found.state as State) : undefined;
    const writtenMs = settings.lastSeriesTimestampMs();
    const table = createSeriesTable({
      seriesMax: settings.limits.seriesMax,
      stepMs,
      heartbeatSteps,
      isWatched: settings.isWatched,
      isKnown: (labels, createdMs) => createdMs <= writtenMs && settings.lastSampleMs(labels) !== undefined,
    });
    telemetry.observedGauge({ name: "quartet_derive_series", help: "Series that derive keeps." }, (set) =>
      set(table.size),
    );
    const counters = createCounters({
      table,
      servicesMax: settings.limits.servicesMax ?? 10_000,
      spanNamesMax: settings.limits.spanNamesMax ?? 100_000,
      expireAfterMs: settings.expireAfterMs ?? 900_000,
      telemetry,
      log,
      quarantine: (stream, record, error) => settings.quarantines[stream as DerivedStream].put(record, error),
    });
    const timeline = createTimeline({
      feeds: derivedStreams.map((stream) => ({ stream, reader: readers[stream] })),
      counters,
      table,
      settings: { stepMs, settleMs: settings.settleMs ?? 10, watchedIntervalMs, stepBytesMax, readBytesMax },
      startedAtMs: clock.nowMs(),
      writtenMs,
      write: appender.write,
      promise: (untilMs) => {
        promisedMs = Math.max(promisedMs, untilMs);
        publish();
      },
      straggled: () => stragglers.add(),
    });
    if (found.kind === "damaged") await giveUpSnapshot(found.reason);
    else for (const stream of derivedStreams) seek(stream, state?.offsets[stream]);
    if (state !== undefined) {
      counters.restore(state.counters);
      timeline.restore(state.timeline);
    }
    promisedMs = Math.max(writtenMs, state?.timeline.promisedMs ?? -Infinity);
    publish();
    return { counters, timeline, savedAtMs: clock.nowMs(), saving: undefined };
  }

  /**
   * Counters begin at 0 again, as after a restart of any client of Prometheus, at the readers' cursors: they were committed with
   * this snapshot, so that rates miss nothing, and count twice only what came between it and the crash.
   */
  async function giveUpSnapshot(reason: string): Promise<void> {
    const aside = await moveSnapshotAside(settings.stateFile);
    snapshotsDamaged.add();
    log.error(
      "the snapshot of derived series is damaged and was moved aside; their counters begin at 0 again",
      {
        reason,
        aside,
      },
    );
  }

  function seek(stream: DerivedStream, wanted: number | undefined): void {
    const taken = readers[stream].seek(wanted ?? 0);
    if (wanted === undefined || taken <= wanted) return;
    lostRecords.add({ stream }, taken - wanted);
    log.error("the journal no longer holds records that were not counted yet", {
      stream,
      records: taken - wanted,
    });
  }

  /** The state is copied at once; nothing may be under way to the `series` stream, as the state says that it is written. */
  async function save({ timeline, counters }: Running): Promise<void> {
    const offsets = {
      spans: timeline.nextOffset("spans"),
      logs: timeline.nextOffset("logs"),
      metrics: timeline.nextOffset("metrics"),
    };
    const state: State = { timeline: timeline.snapshot(), counters: counters.snapshot(), offsets };
    // The position passes over what could not be counted, so that must be kept before.
    await Promise.all(derivedStreams.map((stream) => settings.quarantines[stream].settled()));
    await replaceSnapshot(settings.stateFile, encodeSnapshot(state));
    for (const stream of derivedStreams) readers[stream].commit(offsets[stream]);
  }

  function startSave(at: Running): Promise<void> {
    at.savedAtMs = clock.nowMs();
    const saving = save(at).finally(() => {
      at.saving = undefined;
    });
    at.saving = saving;
    return saving;
  }

  async function saveWhenQuiet(at: Running): Promise<void> {
    while (at.saving !== undefined || appender.isBusy) {
      // Whoever began that save hears of its failure.
      await Promise.allSettled([at.saving, appender.idle()]);
      // The state holds what was never written: better to count it again from the snapshot before.
      if (appender.hasGivenUp) return;
    }
    await startSave(at);
  }

  function saveInBackground(at: Running): void {
    startSave(at).catch((error: unknown) => {
      snapshotFailures.add();
      log.error("the snapshot of derived series could not be written", { error });
    });
  }

  /** Until a reader has more, something was written, or a little time has passed. */
  function rest({ timeline }: Running): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.setTimer(resolve, tickMs);
      wake = () => {
        cancel();
        resolve();
      };
      for (const stream of derivedStreams) {
        // A record in hand that waits for its grid point would make the reader say "more" again and again.
        if (armed.has(stream) || !timeline.isDrained(stream)) continue;
        armed.add(stream);
        const disarm = () => {
          armed.delete(stream);
          wake();
        };
        // A reader that fails here fails in `read` too, where it is reported.
        readers[stream].waitForMore(stopping.signal).then(disarm, disarm);
      }
    });
  }

  async function run(at: Running): Promise<void> {
    while (!stopping.signal.aborted) {
      const nowMs = clock.nowMs();
      const isDue = nowMs >= at.savedAtMs + snapshotIntervalMs;
      if (isDue && !appender.isBusy && at.saving === undefined) saveInBackground(at);
      let outcome: StepOutcome = "idle";
      try {
        outcome = at.timeline.step(nowMs, !appender.isBusy);
      } catch (error) {
        stepFailures.add();
        if (!hasFailed) log.error("derive could not read the journal; it keeps trying", { error });
        hasFailed = true;
      }
      if (outcome === "more") await new Promise((resolve) => setImmediate(resolve));
      else await rest(at);
    }
  }

  return {
    watermarkMs: () => watermarkMs,
    onWatermark(callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    async start() {
      running = await open();
      loop = run(running);
    },
    refreshWatched: () => running?.counters.refreshWatched(),
    async snapshot() {
      if (running !== undefined) await saveWhenQuiet(running);
    },
    async stop() {
      if (stopping.signal.aborted) return;
      stopping.abort();
      wake();
      await loop;
      await appender.close();
      if (running !== undefined) await saveWhenQuiet(running);
    },
  };
}
