import { systemClock, type AccountingReader, type Clock } from "../model/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import type { Compression } from "./compress.ts";
import { ExportConsumer, type ConsumerStatus } from "./consumer.ts";
import { openDeadLetterFile } from "./dead-letter.ts";
import { signalUrl } from "./endpoint.ts";
import { exportMetrics } from "./metrics.ts";
import { exporterConsumer, type Signal } from "./signal.ts";
import { createHttpTransport, type Transport } from "./transport.ts";

export interface OtlpHttpExporterOptions {
  /** Key of the exporter in the configuration. */
  readonly name: string;
  /** Base address; /v1/traces and so on are appended. */
  readonly endpoint: string;
  readonly signals: readonly Signal[];
  /** One for each signal, opened as consumer `exporterConsumer(name, signal)`; who opened them closes them, after `stop`. */
  readonly readers: Readonly<Partial<Record<Signal, AccountingReader>>>;
  /** The data directory, for dead letters. */
  readonly dir: string;
  readonly telemetry: Telemetry;
  readonly log: Log;
  readonly headers?: Readonly<Record<string, string>>;
  readonly compression?: Compression;
  readonly requestTimeoutMs?: number;
  readonly batchSizeBytesMax?: number;
  readonly batchItemCountMax?: number;
  readonly commitIntervalMs?: number;
  readonly deadLetterSizeBytesMax?: number;
  readonly transport?: Transport;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
}

export interface ExporterSignalStatus extends ConsumerStatus {
  readonly exporter: string;
  readonly signal: Signal;
}

export interface Exporter {
  start(): void;
  /** Ends the requests under way, waiting at most `deadlineMs` for their answers, and makes the cursors durable. Safe to call twice, and before `start`. */
  stop(options: { readonly deadlineMs: number }): Promise<void>;
  status(): readonly ExporterSignalStatus[];
}

/**
 * Forwards what is in the journal to an OTLP/HTTP back end: the original bytes, several records to a request, each signal by
 * itself. At least once, in journal order, for as long as it takes: only what the back end refuses for good (400, or one
 * record alone at 413) leaves the queue, as a dead letter.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key when the endpoint is no usable address.
 * @see OTLP specification, "OTLP/HTTP"
 */
export function createOtlpHttpExporter(options: OtlpHttpExporterOptions): Exporter {
  const { name, endpoint, signals, readers, dir, telemetry, log } = options;
  const mebibyte = 1024 * 1024;
  const { clock = systemClock, random = Math.random, transport = createHttpTransport() } = options;
  const headers = Object.fromEntries(
    Object.entries(options.headers ?? {}).map(([key, value]) => [key.toLowerCase(), value]),
  );
  const consumers = signals.map((signal) => {
    const reader = readers[signal];
    if (reader === undefined) {
      throw new TypeError(
        `exporter ${name} has no reader for ${signal}: open consumer ${exporterConsumer(name, signal)}`,
      );
    }
    const sizeBytesMax = options.deadLetterSizeBytesMax ?? 64 * mebibyte;
    const consumer = new ExportConsumer({
      exporter: name,
      signal,
      url: signalUrl(name, endpoint, signal),
      headers,
      compression: options.compression ?? "none",
      requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
      batchSizeBytesMax: options.batchSizeBytesMax ?? 4 * mebibyte,
      batchItemCountMax: options.batchItemCountMax ?? 8_192,
      commitIntervalMs: options.commitIntervalMs ?? 250,
      transport,
      clock,
      random,
      metrics: exportMetrics(telemetry),
      log,
      reader,
      deadLetters: openDeadLetterFile({ dir, exporter: name, signal, sizeBytesMax }),
    });
    return { signal, consumer };
  });
  return {
    start() {
      for (const { consumer } of consumers) consumer.start();
    },
    async stop({ deadlineMs }) {
      await Promise.all(consumers.map(({ consumer }) => consumer.stop(deadlineMs)));
      transport.close();
    },
    status: () => consumers.map(({ signal, consumer }) => ({ exporter: name, signal, ...consumer.status() })),
  };
}
