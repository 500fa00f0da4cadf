import { parentPort, workerData } from "node:worker_threads";
import type { ExporterConfig } from "./config/index.ts";
import {
  baseUrl,
  createElasticsearchBackEnd,
  createExporter,
  createGrpcChannel,
  createHttpTransport,
  createOtlpGrpcBackEnd,
  createOtlpHttpBackEnd,
  createRemoteWriteBackEnd,
  grpcUrl,
  signalUrl,
  writeUrl,
  type BackEnd,
  type Destination,
  type Transport,
} from "./export/index.ts";
import { openDeadLetters, openStreamReader, type JournalShared } from "./journal/index.ts";
import {
  exporterConsumer,
  labelsFromRecord,
  streamOfSignal,
  systemClock,
  type AccountingReader,
  type DeadLetters,
  type Signal,
} from "./model/index.ts";
import { createLog, createTelemetry } from "./telemetry/index.ts";
import { serveCalls } from "./thread.ts";

/** What the main thread hands over. */
export interface ExportWorkerData {
  readonly exporters: readonly ExporterConfig[];
  readonly dataDir: string;
  readonly shared: JournalShared;
}

const { exporters, dataDir, shared } = workerData as ExportWorkerData;
const clock = systemClock;
const telemetry = createTelemetry();
const log = createLog((line) => process.stderr.write(line), clock.nowMs);
const stack = new AsyncDisposableStack();
/** The cursor is on disk: what is not exported by then goes out after the next start. */
const stopDeadlineMs = 2_000;

serveCalls(parentPort!, {
  start() {
    for (const config of exporters) startExporter(config);
  },
  stop: () => stack.disposeAsync(),
  metrics: () => telemetry.snapshot(),
});

function startExporter(config: ExporterConfig): void {
  const { name, type, signals, timeoutMs } = config;
  const readers: Partial<Record<Signal, AccountingReader>> = {};
  const deadLetters: Partial<Record<Signal, DeadLetters>> = {};
  for (const signal of signals) {
    const place = {
      dir: dataDir,
      stream: streamOfSignal(type, signal),
      consumer: exporterConsumer(name, signal),
      clock,
      telemetry,
      log,
    };
    const reader = openStreamReader({ ...place, shared });
    stack.defer(() => reader.close());
    const letters = openDeadLetters(place);
    stack.defer(() => letters.close());
    readers[signal] = reader;
    deadLetters[signal] = letters;
  }
  const createBackEnd = openBackEnds(config, readers);
  const exporter = createExporter({
    name,
    signals,
    createBackEnd,
    readers,
    requestTimeoutMs: timeoutMs,
    deadLetters,
    clock,
    telemetry,
    log,
  });
  stack.defer(() => exporter.stop({ deadlineMs: stopDeadlineMs }));
  exporter.start();
}

/**
 * Opens what the signals of one exporter share, and gives what makes a back end of each.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key when the endpoint, a secret or a certificate is of no use.
 */
function openBackEnds(
  config: ExporterConfig,
  readers: Readonly<Partial<Record<Signal, AccountingReader>>>,
): (signal: Signal) => BackEnd {
  const { name, type, endpoint, headers, auth, tls } = config;
  const proxy = config.proxy === undefined ? undefined : new URL(config.proxy);
  const way = { exporter: name, headers, auth, tls, proxy, nowMs: clock.nowMs, log };
  const openTransport = (): Transport => {
    const transport = createHttpTransport(way);
    stack.defer(() => transport.close());
    return transport;
  };
  switch (type) {
    case "otlp_http": {
      const { compression } = config;
      const transport = openTransport();
      return (signal) => {
        const url = signalUrl(name, endpoint, signal);
        const requestCountMax = requestCountMaxOf(signal);
        return createOtlpHttpBackEnd({ url, compression, transport, clock, requestCountMax });
      };
    }
    case "otlp_grpc": {
      const { compression } = config;
      const channel = createGrpcChannel({ ...way, url: grpcUrl(name, endpoint) });
      stack.defer(() => channel.close());
      return (signal) => {
        const requestCountMax = requestCountMaxOf(signal);
        return createOtlpGrpcBackEnd({ signal, compression, channel, clock, requestCountMax });
      };
    }
    case "elasticsearch": {
      const { index, dataset, namespace, compression, retentionMs } = config;
      const transport = openTransport();
      const destination: Destination =
        index === undefined
          ? { kind: "data_stream", type: "logs", dataset, namespace }
          : { kind: "index", name: index };
      const own = { endpoint: baseUrl(name, endpoint), destination, compression, retentionMs };
      const flags = { isRouted: config.routing, hasTemplates: config.templates };
      const given = { exporter: name, signal: "logs", transport, clock, telemetry, log } as const;
      return (signal) => {
        const journalId = (): string => readers[signal]!.journalId;
        const requestCountMax = requestCountMaxOf(signal);
        return createElasticsearchBackEnd({ ...given, ...own, ...flags, journalId, requestCountMax });
      };
    }
    case "prometheus_remote_write": {
      const externalLabels = labelsFromRecord(config.externalLabels);
      const transport = openTransport();
      const url = writeUrl(name, endpoint);
      return () => createRemoteWriteBackEnd({ url, externalLabels, transport, clock, log });
    }
  }
}

/** Over a slow link one request at a time is a ceiling. Points of a series must stay in order, as Prometheus takes no older ones. */
function requestCountMaxOf(signal: Signal): number {
  return signal === "metrics" ? 1 : 4;
}
