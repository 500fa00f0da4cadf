import type { Stream } from "./journal.ts";

/** What an exporter forwards, named as in the configuration. */
export type Signal = "traces" | "logs" | "metrics";

/** The kinds of back ends, named as in the configuration. */
export type ExporterType = "otlp_http" | "otlp_grpc" | "elasticsearch" | "prometheus_remote_write";

/** The journal's stream that a signal is read from: remote write forwards what the store holds, OTLP what came in. */
export function streamOfSignal(type: ExporterType, signal: Signal): Stream {
  if (type === "prometheus_remote_write") return "series";
  return signal === "traces" ? "spans" : signal;
}

/** Name of the journal consumer that is one signal of one exporter; the prefix makes it droppable when the disk budget is spent. */
export function exporterConsumer(exporter: string, signal: Signal): string {
  return `export.${exporter}.${signal}`;
}
