import { copyFileSync, existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  labelsFromRecord,
  labelsKey,
  labelsToRecord,
  type Labels,
  type Quarantine,
  type SampleWrite,
  type SeriesWrite,
} from "../model/index.ts";
import { createTelemetry, type Log } from "../telemetry/index.ts";
import { createDerive, type Derive, type DeriveSettings } from "./derive.ts";
import { createMemoryStream, type MemoryStream } from "./memory-journal.test-kit.ts";

/** Derive over streams in memory, with a clock that tests turn; may be killed and started again, as a process would be. */
export interface TestRun {
  readonly spans: MemoryStream;
  readonly logs: MemoryStream;
  readonly metrics: MemoryStream;
  /** What stands in the `series` stream. */
  readonly written: SeriesWrite[];
  readonly logged: string[];
  /** Stream and offset of the records that could not be counted. */
  readonly quarantined: readonly string[];
  readonly derive: Derive;
  nowMs(): number;
  start(more?: Partial<DeriveSettings>): Promise<void>;
  /** Turns the clock, in steps of `stepMs`, and lets derive do what it has to at each. */
  advance(durationMs: number, stepMs?: number): Promise<void>;
  /** Ends derive where it stands: nothing of it has an effect any more. */
  kill(): void;
  /** Writes zeros over a part of the last snapshot, as a disk may. */
  damageSnapshot(): Promise<void>;
  /** Makes appends fail until told otherwise. */
  failAppends(error: Error | undefined): void;
  /** All samples of the series, "stale" for a staleness marker. */
  samples(labels: Readonly<Record<string, string>>): readonly (readonly [number, number | "stale"])[];
  /** Last values by labels as JSON, ended series left out. */
  lastValues(): ReadonlyMap<string, number>;
  counter(name: string): Promise<Record<string, number>>;
  close(): Promise<void>;
}

export const textOf = (labels: Labels): string => JSON.stringify(labelsToRecord(labels));

export async function openTestRun(startMs: number): Promise<TestRun> {
  const folder = await mkdtemp(join(tmpdir(), "quartet-derive-"));
  const streams = {
    spans: createMemoryStream("spans"),
    logs: createMemoryStream("logs"),
    metrics: createMemoryStream("metrics"),
  };
  const written: SeriesWrite[] = [];
  const lastMs = new Map<string, number>();
  const logged: string[] = [];
  const quarantined: string[] = [];
  let nowMs = startMs;
  let runs = 0;
  let life = { isDead: true };
  let timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  let appendError: Error | undefined;
  let telemetry = createTelemetry();
  let derive: Derive | undefined;
  const never = new Promise<never>(() => {});
  const note = (message: string, fields?: object) => logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { info: note, warn: note, error: note };
  const quarantine: Quarantine = {
    put({ position }) {
      quarantined.push(`${position.stream} ${position.offset}`);
    },
    async settled() {},
  };
  const stateFile = (run: number) => join(folder, `derive-${run}.state`);
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  function settings(mine: { isDead: boolean }, more: Partial<DeriveSettings>): DeriveSettings {
    const reader = (stream: MemoryStream) => {
      const real = stream.openReader();
      return {
        ...real,
        get nextOffset() {
          return real.nextOffset;
        },
        read: (limit: { readonly sizeBytesMax: number }) => (mine.isDead ? [] : real.read(limit)),
        waitForMore: (signal: AbortSignal) => (mine.isDead ? never : real.waitForMore(signal)),
        commit: (offset: number) => (mine.isDead ? undefined : real.commit(offset)),
      };
    };
    return {
      readers: { spans: reader(streams.spans), logs: reader(streams.logs), metrics: reader(streams.metrics) },
      quarantines: { spans: quarantine, logs: quarantine, metrics: quarantine },
      async appendSeries(writes) {
        await turn();
        if (mine.isDead) await never;
        if (appendError !== undefined) throw appendError;
        for (const write of writes) {
          written.push(structuredClone(write));
          const last = write.samples.at(-1) ?? write.histograms!.at(-1)!;
          lastMs.set(labelsKey(write.labels), last.timestampMs);
        }
      },
      lastSeriesTimestampMs: () => Math.max(-Infinity, ...lastMs.values()),
      lastSampleMs: (labels) => lastMs.get(labelsKey(labels)),
      isWatched: () => false,
      stateFile: stateFile(runs),
      limits: { seriesMax: 100_000 },
      clock: {
        nowMs: () => nowMs,
        setTimer(callback, delayMs) {
          if (mine.isDead) return () => {};
          const timer = { atMs: nowMs + delayMs, callback };
          timers.push(timer);
          return () => {
            timers = timers.filter((each) => each !== timer);
          };
        },
      },
      telemetry,
      log,
      ...more,
    };
  }

  const run: TestRun = {
    ...streams,
    written,
    logged,
    quarantined,
    get derive() {
      return derive!;
    },
    nowMs: () => nowMs,
    async start(more = {}) {
      run.kill();
      // A save of the killed run may still come to its end; this run has the file as it was at the kill.
      if (existsSync(stateFile(runs))) copyFileSync(stateFile(runs), stateFile(runs + 1));
      runs += 1;
      life = { isDead: false };
      telemetry = createTelemetry();
      derive = createDerive(settings(life, more));
      await derive.start();
      await turn();
    },
    async damageSnapshot() {
      const file = stateFile(runs);
      await writeFile(file, (await readFile(file)).fill(0, 30, 60));
    },
    async advance(durationMs, stepMs = 10) {
      for (const endMs = nowMs + durationMs; nowMs < endMs;) {
        nowMs = Math.min(endMs, nowMs + stepMs);
        const due = timers.filter(({ atMs }) => atMs <= nowMs);
        timers = timers.filter(({ atMs }) => atMs > nowMs);
        for (const { callback } of due) callback();
        for (let turns = 0; turns < 6; turns += 1) await turn();
      }
    },
    kill() {
      life.isDead = true;
      timers = [];
    },
    failAppends(error) {
      appendError = error;
    },
    samples(labels) {
      const wanted = textOf(labelsFromRecord(labels));
      const found = written
        .filter((write) => textOf(write.labels) === wanted)
        .flatMap(({ samples }) => samples);
      return found.map(pairOf);
    },
    lastValues() {
      const values = new Map<string, number>();
      for (const { labels, samples } of written) {
        const last = samples.at(-1);
        if (last === undefined) continue;
        if (last.isStale === true) values.delete(textOf(labels));
        else values.set(textOf(labels), last.value);
      }
      return values;
    },
    async counter(name) {
      const all = (await telemetry.snapshot()) as {
        name: string;
        values: { labels: object; value: number }[];
      }[];
      const values = all.find((metric) => metric.name === name)?.values ?? [];
      return Object.fromEntries(values.map(({ labels, value }) => [Object.values(labels).join(" "), value]));
    },
    async close() {
      run.kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
  return run;
}

const pairOf = ({ timestampMs, value, isStale }: SampleWrite) =>
  [timestampMs, isStale === true ? ("stale" as const) : value] as const;
