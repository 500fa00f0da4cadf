import {
  exporterConsumer,
  systemClock,
  type AccountingReader,
  type Clock,
  type DeadLetters,
  type Signal,
} from "../model/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import type { BackEnd } from "./back-end.ts";
import { ExportConsumer, type ConsumerStatus } from "./consumer.ts";
import { exportMetrics } from "./metrics.ts";

export interface ExporterOptions {
  /** Key of the exporter in the configuration. */
  readonly name: string;
  readonly signals: readonly Signal[];
  /** Called once for each signal. */
  readonly createBackEnd: (signal: Signal) => BackEnd;
  /** One for each signal, opened as consumer `exporterConsumer(name, signal)`; who opened them closes them, after `stop`. */
  readonly readers: Readonly<Partial<Record<Signal, AccountingReader>>>;
  /** For each signal; closed by who opened them, after `stop`. */
  readonly deadLetters: Readonly<Partial<Record<Signal, DeadLetters>>>;
  readonly telemetry: Telemetry;
  readonly log: Log;
  readonly requestTimeoutMs?: number;
  readonly batchSizeBytesMax?: number;
  readonly batchItemCountMax?: number;
  readonly commitIntervalMs?: number;
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
 * Forwards what is in the journal to a back end, several records to a request, each signal by itself. At least once, in journal
 * order, for as long as it takes: only what the back end refuses for good leaves the queue, as a dead letter.
 */
export function createExporter(options: ExporterOptions): Exporter {
  const { name, signals, readers, telemetry, log, createBackEnd } = options;
  const mebibyte = 1024 * 1024;
  const { clock = systemClock, random = Math.random } = options;
  const consumers = signals.map((signal) => {
    const reader = readers[signal];
    const deadLetters = options.deadLetters[signal];
    if (reader === undefined || deadLetters === undefined) {
      throw new TypeError(
        `exporter ${name} lacks the reader or the dead letters of ${signal}: open both for consumer ${exporterConsumer(name, signal)}`,
      );
    }
    const backEnd = createBackEnd(signal);
    const consumer = new ExportConsumer({
      exporter: name,
      signal,
      backEnd,
      requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
      batchSizeBytesMax: options.batchSizeBytesMax ?? 4 * mebibyte,
      batchItemCountMax: options.batchItemCountMax ?? 8_192,
      commitIntervalMs: options.commitIntervalMs ?? 250,
      clock,
      random,
      metrics: exportMetrics(telemetry),
      log,
      reader,
      deadLetters,
    });
    return { signal, consumer, backEnd };
  });
  return {
    start() {
      for (const { consumer } of consumers) consumer.start();
    },
    async stop({ deadlineMs }) {
      await Promise.all(consumers.map(({ consumer }) => consumer.stop(deadlineMs)));
      for (const { backEnd } of consumers) backEnd.close();
    },
    status: () => consumers.map(({ signal, consumer }) => ({ exporter: name, signal, ...consumer.status() })),
  };
}
