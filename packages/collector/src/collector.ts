import { mkdirSync } from "node:fs";
import { availableParallelism, hostname, totalmem } from "node:os";
import { join } from "node:path";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { answerQuestion } from "./answer-question.ts";
import { createApi, exposeMetrics, failure, failureOf } from "./api/index.ts";
import { openTls, openTokens, parseAddress, type CollectorConfig, type TlsFiles } from "./config/index.ts";
import type { EvaluateWorkerData } from "./evaluate-worker.ts";
import type { StoreHandles } from "./open-store.ts";
import type { ExportWorkerData } from "./export-worker.ts";
import { createJournalShared, lockJournal, openStreamWriter, type JournalLock } from "./journal/index.ts";
import { CollectorError, type Clock, type StreamWriter, type TlsIdentity } from "./model/index.ts";
import { createProcess } from "./process/index.ts";
import { openQueryPool, type QueryPool } from "./query-pool.ts";
import {
  createOtlpReceiver,
  createPushEndpoints,
  createZipkinReceiver,
  type PushEndpoints,
} from "./receive/index.ts";
import { observeSelf } from "./observe-self.ts";
import { createTelemetry, type Log, type TelemetrySnapshot } from "./telemetry/index.ts";
import { consumersOf } from "./stream-consumers.ts";
import { connectThread, type Remote, workerFile } from "./thread.ts";
import { createTranscoder } from "./transcoder.ts";
import { queryPage, tracePage } from "./ui/index.ts";

export interface CollectorSettings {
  readonly config: CollectorConfig;
  /** Absolute; created when it is not there. */
  readonly dataDir: string;
  /** Named in answers; default: none. */
  readonly configFile?: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends a start that is under way, which takes as long as there is data to read. */
  readonly signal?: AbortSignal;
}

export interface Collector {
  /** As host:port, with the ports that were taken. */
  readonly otlpAddresses: readonly string[];
  readonly zipkinAddresses: readonly string[];
  readonly apiAddress: string;
  /** Resolves when a thread ended that should not have; the collector is of no use then. */
  readonly failed: Promise<Error>;
  /** Stops accepting, lets the stages finish, syncs and closes, within ten seconds. Safe to call twice. */
  stop(): Promise<void>;
}

type Signal = "spans" | "logs" | "metrics";
type ThreadName = "evaluate" | "export";

const signals: readonly Signal[] = ["spans", "logs", "metrics"];
/**
 * How much of short life a thread may have before it is collected, three times the engine's half space. The engine's own 192 MiB
 * is memory for nothing: what lives short here is small, and what lives long must move out of there all the same.
 */
const youngGenerationSizeMb = 3;
const receiveStopDeadlineMs = 3_000;
/** A worker that is still at it this long after the stop began is ended. */
const workersStopDeadlineMs = 8_000;

/**
 * Starts every stage, the last one first, so that nothing is accepted before it can go its way; stops in the other order.
 * A failure on the way undoes what was started.
 * @throws CollectorError QUARTET_ADDRESS_IN_USE, QUARTET_JOURNAL_LOCKED, QUARTET_JOURNAL_VERSION, QUARTET_RULES_INVALID,
 * QUARTET_JOURNAL_UNAVAILABLE, QUARTET_CONFIG_INVALID, QUARTET_STATE_INVALID; the signal's reason when it aborts.
 */
export async function startCollector(settings: CollectorSettings): Promise<Collector> {
  const { config, dataDir, clock, log, signal } = settings;
  const { promise: failed, resolve: fail } = Promise.withResolvers<Error>();
  await using starting = new AsyncDisposableStack();
  const telemetry = createTelemetry({ hasProcessMetrics: true });
  telemetry.observedGauge(
    {
      name: "quartet_clock_ahead_seconds",
      help: "How far the collector's clock is ahead of the system's because that was set back; a restart sets it right.",
    },
    (set) => set(Math.max(0, clock.nowMs() - Date.now()) / 1_000),
  );
  const threads: Partial<Record<ThreadName, Remote>> = {};
  /** undefined until there is something to ask. */
  let queries: QueryPool | undefined;
  let isReady = false;
  let push: PushEndpoints | undefined;
  /** Set when the stop begins. */
  let workersDeadline: AbortSignal | undefined;

  // Otherwise a heap may grow to four times what lives in it, of which the evaluating thread's takes 100 MB. Less than this costs time and wins nothing.
  setFlagsFromString("--heap-growing-percent=20");

  const lock = takeDataDir(dataDir, clock);
  starting.defer(() => lock.release());
  const shared = createJournalShared();

  // A flag of the process that gives the main thread less (as the launcher and the image do) is not meant for the workers, which have limits of their own.
  setFlagsFromString("--max-semi-space-size=0");
  const startThread = (name: ThreadName, data: unknown): Remote => {
    const resourceLimits = { maxYoungGenerationSizeMb: youngGenerationSizeMb };
    const worker = new Worker(workerFile(name), { workerData: data, name, resourceLimits });
    let isStopping = false;
    const remote = connectThread(worker);
    worker.on("error", (error) => fail(error instanceof Error ? error : new Error(String(error))));
    worker.on("exit", (code) => {
      if (!isStopping) fail(new Error(`the ${name} thread ended with code ${code}`));
    });
    starting.defer(async () => {
      isStopping = true;
      workersDeadline ??= AbortSignal.timeout(workersStopDeadlineMs);
      try {
        // One that is still reading its data has nothing to hand on.
        if (isReady || signal?.aborted !== true) await before(workersDeadline, remote.call("stop"));
      } catch (error) {
        log.warn("a thread did not stop in order", { thread: name, error });
      }
      await worker.terminate();
    });
    threads[name] = remote;
    return remote;
  };

  /** The metrics of every thread. */
  const snapshots = async (): Promise<readonly TelemetrySnapshot[]> => {
    const remotes = [threads.evaluate, threads.export].filter((thread) => thread !== undefined);
    const others = await Promise.all(remotes.map((thread) => thread.call<TelemetrySnapshot>("metrics")));
    return [await telemetry.snapshot(), ...others];
  };

  const apiAddress = parseAddress(config.api.listen)!;
  const startedAtMs = clock.nowMs();
  const facts = () => ({
    configYaml: config.yaml,
    configFile: settings.configFile ?? "",
    dataDir,
    listen: config.api.listen,
    externalUrl: config.api.externalUrl ?? "",
    retentionMs: config.store.retentionMs,
    sizeBytesMax: config.store.sizeBytesMax,
    features: config.promql.features,
    startedAtMs,
    nowMs: clock.nowMs(),
    workingDirectory: process.cwd(),
    hostName: hostname(),
    threadCount: 1 + Object.keys(threads).length + (queries?.threadCount ?? 0),
    processorCount: availableParallelism(),
    heapBytesMax: getHeapStatistics().heap_size_limit,
  });
  const apiGuard = guardOf("api", config.api, { clock, log });
  const api = createApi({
    ...apiAddress,
    ...apiGuard,
    answer: async (endpoint, parameters, leaving) => {
      try {
        if (threads.evaluate === undefined || queries === undefined)
          return failure("unavailable", "the collector is starting");
        return await answerQuestion(
          { evaluate: threads.evaluate, queries },
          { endpoint, parameters, signal: leaving, facts },
        );
      } catch (error) {
        if (workersDeadline !== undefined) return failure("unavailable", "the collector is stopping");
        if (error instanceof CollectorError) return failureOf(error);
        throw error;
      }
    },
    notReady: () => {
      if (workersDeadline !== undefined) return ["the stages are stopping"];
      return isReady ? [] : ["the stages are starting"];
    },
    metrics: async () => exposeMetrics(await snapshots()),
    pages: [
      { path: "/", contentType: "text/html; charset=utf-8", body: queryPage },
      { path: "/graph", contentType: "text/html; charset=utf-8", body: queryPage },
      { path: "/traces/:trace_id", contentType: "text/html; charset=utf-8", body: tracePage },
    ],
    push: [
      { path: "/api/v1/write", endpoint: () => push?.remoteWrite },
      { path: "/loki/api/v1/push", endpoint: () => push?.loki },
    ],
    log,
  });
  const { port } = await api.start();
  starting.defer(() => api.stop());
  const hostText = apiAddress.host.includes(":") ? `[${apiAddress.host}]` : apiAddress.host;
  const scheme = config.api.tls === undefined ? "http" : "https";
  const externalUrl = config.api.externalUrl ?? `${scheme}://${hostText}:${port}`;

  const writers = new Map<Signal, StreamWriter>();
  for (const stream of signals) {
    const writer = await openStreamWriter({
      dir: dataDir,
      stream,
      shared,
      sizeBytesMax: config.journal.sizeBytesMax[stream],
      consumers: consumersOf(config.export, stream),
      clock,
      telemetry,
      log,
    });
    starting.defer(() => writer.close());
    writers.set(stream, writer);
  }
  const evaluate = startThread("evaluate", {
    config,
    dataDir,
    shared,
    externalUrl,
  } satisfies EvaluateWorkerData);
  const { head, blocks } = await before(signal, evaluate.call<StoreHandles>("start"));
  const { features } = config.promql;
  const { evaluationIntervalMs } = config.rules;
  const pool = openQueryPool(
    { head, blocks, dataDir, evaluationIntervalMs, features },
    { clock, telemetry, log },
  );
  starting.defer(() => pool.stop());
  queries = pool;
  if (config.export.length > 0) {
    const exporting = startThread("export", {
      exporters: config.export,
      dataDir,
      shared,
    } satisfies ExportWorkerData);
    await before(signal, exporting.call("start"));
  }

  const transcoder = createTranscoder({ clock });
  starting.defer(() => transcoder.stop());
  const receiver = createOtlpReceiver({
    listen: config.receive.otlp.listen.map((address) => parseAddress(address)!),
    requestSizeBytesMax: config.receive.otlp.requestSizeBytesMax,
    inFlightBytesMax: config.receive.memorySizeBytesMax ?? memoryFor(config.receive.otlp.requestSizeBytesMax),
    corsOrigins: config.receive.otlp.corsOrigins,
    rateLimit: config.receive.otlp.rateLimit,
    ...guardOf("receive.otlp", config.receive.otlp, { clock, log }),
    apiTokens: apiGuard.tokens,
    append: (signal, batch) => writers.get(signal)!.append(batch),
    transcode: transcoder.transcode,
    // The writer of `series` is in another thread: it says no when it is asked to append.
    journalRefusal: (stream, sizeBytes) =>
      stream === "series" ? undefined : writers.get(stream)?.refusal(sizeBytes),
    process: config.process === undefined ? undefined : createProcess(config.process, telemetry),
    clock,
    telemetry,
    log,
  });
  const otlpAddresses = await receiver.start();
  starting.defer(() => receiver.stop({ deadlineMs: receiveStopDeadlineMs }));
  const observing = observeSelf({
    instance: `${hostText}:${port}`,
    snapshots,
    append: (writes) => evaluate.call("append", writes),
    clock,
    log,
  });
  starting.defer(() => observing.stop());
  const zipkin = createZipkinReceiver(
    config.receive.zipkin.listen.map((address) => parseAddress(address)!),
    receiver.shared,
  );
  const zipkinAddresses = await zipkin.start();
  starting.defer(() => zipkin.stop({ deadlineMs: receiveStopDeadlineMs }));
  push = createPushEndpoints(receiver.shared, {
    appendSeries: (batch) =>
      evaluate.call("appendReceived", batch, { transfer: [batch.buffer as ArrayBuffer] }),
  });
  starting.defer(() => {
    push = undefined;
  });
  isReady = true;

  const running = starting.move();
  let stopped: Promise<void> | undefined;
  return {
    otlpAddresses,
    zipkinAddresses,
    apiAddress: `${hostText}:${port}`,
    failed,
    stop() {
      workersDeadline ??= AbortSignal.timeout(workersStopDeadlineMs);
      stopped ??= running.disposeAsync();
      return stopped;
    },
  };
}

/** Makes the data directory this process's own. */
function takeDataDir(dataDir: string, clock: Clock): JournalLock {
  try {
    mkdirSync(join(dataDir, "state"), { recursive: true });
    return lockJournal(dataDir, clock);
  } catch (cause) {
    if (cause instanceof CollectorError) throw cause;
    throw new CollectorError(
      "QUARTET_JOURNAL_UNAVAILABLE",
      `the data directory ${dataDir} cannot be written (${(cause as Error).message}): mend that, or choose another --data-dir`,
      { cause },
    );
  }
}

/** The promise's outcome, or the signal's reason when it aborts first. */
async function before<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** For requests under way, when the configuration leaves it open: two of the largest fit in any case, one packed and unpacked. */
function memoryFor(requestSizeBytesMax: number): number {
  // 0 where no container sets a limit.
  const machineBytes = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  return Math.max(2 * requestSizeBytesMax, Math.min(256 * 2 ** 20, machineBytes / 4));
}

/** Whom a section of the configuration lets in, and what it shows of itself. */
function guardOf(
  section: string,
  { tokensFile, tls }: { readonly tokensFile: string | undefined; readonly tls: TlsFiles | undefined },
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): { readonly tokens: () => readonly string[]; readonly tls?: () => TlsIdentity } {
  const watched = { nowMs: clock.nowMs, log };
  return {
    tokens: tokensFile === undefined ? () => [] : openTokens({ file: tokensFile, section, ...watched }),
    ...(tls === undefined ? {} : { tls: openTls({ files: tls, section: `${section}.tls`, ...watched }) }),
  };
}
