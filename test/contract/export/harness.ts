import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { onTestFinished } from "vitest";
import { join } from "node:path";
import {
  createMemoryJournal,
  openDeadLetters,
  readSegments,
} from "../../../packages/collector/src/journal/index.ts";
import {
  exporterConsumer,
  type AccountingReader,
  type Clock,
  type Signal,
  type Stream,
  type StreamWriter,
} from "../../../packages/collector/src/model/index.ts";
import {
  createLog,
  createTelemetry,
  type Log,
  type Telemetry,
} from "../../../packages/collector/src/telemetry/index.ts";
import {
  createExporter,
  createHttpTransport,
  createOtlpHttpBackEnd,
  type BackEnd,
  signalUrl,
  type Compression,
  type Exporter,
  type ExporterOptions,
  type Transport,
  type TransportSettings,
} from "../../../packages/collector/src/export/index.ts";
import { until } from "../../support/index.ts";
import { startTestBackend, type TestBackend } from "./backend.ts";

/** A clock that stands still until the test moves it, and shows what waits for it. */
export interface TestClock extends Clock {
  readonly delaysMs: readonly number[];
  /** Moves on and calls back what is due. */
  advance(byMs: number): void;
}

export function createTestClock(startMs: number): TestClock {
  let nowMs = startMs;
  const timers = new Set<{ callback: () => void; dueMs: number; delayMs: number }>();
  return {
    nowMs: () => nowMs,
    setTimer(callback, delayMs) {
      const timer = { callback, dueMs: nowMs + delayMs, delayMs };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    get delaysMs() {
      return [...timers].map(({ delayMs }) => delayMs).sort((a, b) => a - b);
    },
    advance(byMs) {
      nowMs += byMs;
      const due = [...timers].filter(({ dueMs }) => dueMs <= nowMs);
      for (const timer of due) {
        if (timers.delete(timer)) timer.callback();
      }
    },
  };
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One signal of an exporter called "jaeger", between a journal in memory and a back end. */
export interface Bench extends AsyncDisposable {
  readonly clock: TestClock;
  readonly writer: StreamWriter;
  readonly reader: AccountingReader;
  readonly exporter: Exporter;
  readonly telemetry: Telemetry;
  readonly logLines: readonly LogLine[];
  readonly dir: string;
  readonly consumer: string;
  readonly stream: Stream;
  /** Offset up to which the cursor is durable. */
  readonly committedOffset: number;
  appendBytes(payload: Uint8Array, itemCount: number): Promise<void>;
  /** Sum over all series of a metric whose labels include these. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
}

/** Times in tests begin here; not a round second. */
export const startMs = 1_800_000_000_500;

/** Shorter than every other timer, and the same in all tests, to tell it from the others. */
export const commitIntervalMs = 1;
const requestTimeoutMs = 7_000;

export interface BenchOptions extends Partial<ExporterOptions> {
  /** Budget of the journal. */
  readonly sizeBytesMax?: number;
  readonly deadLetterSizeBytesMax?: number;
}

/** `open` makes the back end; what it gives is closed at the end. */
export function openBench(
  options: BenchOptions & {
    readonly signal: Signal;
    readonly stream: Stream;
    readonly open: (
      clock: Clock,
      log: Log,
      more: { readonly telemetry: Telemetry; readonly journalId: () => string },
    ) => Pick<ExporterOptions, "createBackEnd"> & { close(): void };
  },
): Bench {
  const { signal, stream, open } = options;
  const clock = createTestClock(startMs);
  const telemetry = createTelemetry();
  const logLines: LogLine[] = [];
  const note =
    (level: string): Log["info"] =>
    (message, fields = {}) =>
      logLines.push({ level, message, fields });
  const log: Log = { info: note("info"), warn: note("warn"), error: note("error") };
  const dir = mkdtempSync(join(tmpdir(), "quartet-export-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const journal = createMemoryJournal(clock);
  const consumer = exporterConsumer("jaeger", signal);
  const writer = journal.openWriter({
    stream,
    ...(options.sizeBytesMax === undefined ? {} : { sizeBytesMax: options.sizeBytesMax }),
    consumers: [{ name: consumer, kind: "exporter" }],
  });
  const inner = journal.openReader({ stream, consumer });
  let committedOffset = 0;
  const reader: AccountingReader = {
    ...inner,
    get nextOffset() {
      return inner.nextOffset;
    },
    get journalId() {
      return inner.journalId;
    },
    commit(offset) {
      inner.commit(offset);
      committedOffset = offset;
    },
  };
  const deadLetters = openDeadLetters({
    dir,
    stream,
    consumer,
    sizeBytesMax: options.deadLetterSizeBytesMax ?? 1_000_000,
    clock,
    telemetry,
  });
  const { createBackEnd, close } = open(clock, log, {
    telemetry,
    journalId: () => reader.journalId,
  });
  const exporter = createExporter({
    name: "jaeger",
    signals: [signal],
    createBackEnd,
    readers: { [signal]: reader },
    deadLetters: { [signal]: deadLetters },
    telemetry,
    log,
    clock,
    random: () => 0,
    commitIntervalMs,
    requestTimeoutMs,
    ...options,
  });
  return {
    clock,
    writer,
    reader,
    exporter,
    telemetry,
    logLines,
    dir,
    consumer,
    stream,
    get committedOffset() {
      return committedOffset;
    },
    async appendBytes(payload, itemCount) {
      await writer.append({ payload: [payload], itemCount, receivedAtMs: clock.nowMs() });
    },
    async metric(name, labels = {}) {
      const metrics = (await telemetry.snapshot()) as {
        name: string;
        values: { value: number; labels: Record<string, string> }[];
      }[];
      const values = metrics.find((candidate) => candidate.name === name)?.values ?? [];
      return values
        .filter((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value))
        .reduce((sum, { value }) => sum + value, 0);
    },
    async [Symbol.asyncDispose]() {
      await exporter.stop({ deadlineMs: 0 });
      close();
      await deadLetters.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** An OTLP/HTTP exporter of traces before a back end that looks at nothing but bytes. */
export interface Harness extends Bench {
  readonly backend: TestBackend;
  append(text: string, itemCount?: number): Promise<void>;
}

export interface HarnessOptions extends BenchOptions {
  readonly endpoint?: string;
  readonly compression?: Compression;
  readonly headers?: Readonly<Record<string, string>>;
  readonly transport?: Transport;
  /** Another kind of back end than OTLP/HTTP. */
  readonly openBackEnd?: (given: {
    readonly endpoint: string;
    readonly transport: Transport;
    readonly clock: Clock;
    readonly log: Log;
    readonly telemetry: Telemetry;
    readonly journalId: () => string;
  }) => BackEnd;
}

/** A transport's settings, configured no further than the test wants. */
export function wayOf(settings: Partial<TransportSettings> = {}): TransportSettings {
  return {
    exporter: "jaeger",
    headers: {},
    auth: { kind: "none" },
    tls: {
      caFile: undefined,
      certFile: undefined,
      keyFile: undefined,
      serverName: undefined,
      insecureSkipVerify: false,
    },
    proxy: undefined,
    nowMs: Date.now,
    log: createLog(() => undefined, Date.now),
    ...settings,
  };
}

export const openTransport = (settings: Partial<TransportSettings> = {}): Transport =>
  createHttpTransport(wayOf(settings));

export async function openHarness(options: HarnessOptions = {}): Promise<Harness> {
  const backend = await startTestBackend();
  const { endpoint = backend.endpoint, compression = "none", headers = {} } = options;
  const { transport = openTransport({ headers }) } = options;
  const bench = openBench({
    ...options,
    signal: "traces",
    stream: "spans",
    open: (clock, log, more) => ({
      createBackEnd: (signal) =>
        options.openBackEnd?.({ endpoint, transport, clock, log, ...more }) ??
        createOtlpHttpBackEnd({ url: signalUrl("jaeger", endpoint, signal), compression, transport, clock }),
      close: () => transport.close(),
    }),
  });
  return {
    ...bench,
    // A copy would stand still.
    get committedOffset() {
      return bench.committedOffset;
    },
    backend,
    append: (text, itemCount = 1) => bench.appendBytes(Buffer.from(text), itemCount),
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** For `until`: these tests wait for nothing longer than a request on loopback. */
export const soon: { readonly deadlineMs: number; readonly intervalMs: number } = {
  deadlineMs: 10_000,
  intervalMs: 2,
};

/** What the back end was sent, as text. */
export function bodies({ backend }: Harness): string[] {
  return backend.requests.map(({ body }) => body.toString());
}

export function untilRequests(harness: Harness, count: number): Promise<unknown> {
  return until(() => harness.backend.requests.length >= count, { ...soon, what: `${count} requests` });
}

/** Whether a timer is none of those for commits and requests. */
export const isRetryDelay = (delayMs: number): boolean =>
  delayMs !== commitIntervalMs && delayMs !== requestTimeoutMs;

/** Waits until the exporter waits to try again, and returns how long it means to wait. */
export function untilDelay(harness: Bench): Promise<number> {
  return until(() => harness.clock.delaysMs.find(isRetryDelay), { ...soon, what: "a wait" });
}

/** Resolves when nothing is queued and the cursor is at the end. */
export function untilSettled(harness: Bench, offset: number): Promise<unknown> {
  return until(
    () => {
      harness.clock.advance(commitIntervalMs);
      return harness.committedOffset === offset;
    },
    { ...soon, what: `the cursor to reach ${offset}` },
  );
}

export interface KeptLetter {
  readonly note: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly itemCount: number;
}

/** The dead letters on disk. */
export function deadLettersOf({ dir, consumer, stream }: Bench): KeptLetter[] {
  return [...readSegments({ dir: join(dir, "dead-letter", consumer), stream })].map(
    ({ payload, itemCount }) => {
      const bytes = Buffer.from(payload);
      const end = 4 + bytes.readUInt32LE(0);
      const note = JSON.parse(bytes.toString("utf8", 4, end)) as Record<string, unknown>;
      return { note, text: bytes.toString("utf8", end), itemCount };
    },
  );
}
