import { parentPort, workerData } from "node:worker_threads";
import type { ExporterConfig } from "./config/index.ts";
import {
  createExporter,
  createHttpTransport,
  createOtlpHttpBackEnd,
  createRemoteWriteBackEnd,
  exporterConsumer,
  signalUrl,
  streamOfSignal,
  writeUrl,
  type BackEnd,
  type Signal,
  type Transport,
} from "./export/index.ts";
import { openDeadLetters, openStreamReader, type JournalShared } from "./journal/index.ts";
import { labelsFromRecord, systemClock, type AccountingReader, type DeadLetters } from "./model/index.ts";
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
  const { headers, auth, tls } = config;
  const proxy = config.proxy === undefined ? undefined : new URL(config.proxy);
  const transport = createHttpTransport({ exporter: name, headers, auth, tls, proxy, nowMs: clock.nowMs });
  stack.defer(() => transport.close());
  const exporter = createExporter({
    name,
    signals,
    createBackEnd: (signal) => createBackEnd(config, signal, transport),
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

/** @throws CollectorError QUARTET_CONFIG_INVALID naming the key when the endpoint is no usable address. */
function createBackEnd(config: ExporterConfig, signal: Signal, transport: Transport): BackEnd {
  const { name, type, endpoint } = config;
  switch (type) {
    case "otlp_http": {
      const url = signalUrl(name, endpoint, signal);
      return createOtlpHttpBackEnd({ url, compression: config.compression, transport, clock });
    }
    case "prometheus_remote_write": {
      const externalLabels = labelsFromRecord(config.externalLabels);
      return createRemoteWriteBackEnd({
        url: writeUrl(name, endpoint),
        externalLabels,
        transport,
        clock,
        log,
      });
    }
  }
}
