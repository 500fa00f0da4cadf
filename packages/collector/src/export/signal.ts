import type { Stream } from "../model/index.ts";

/** What an exporter forwards, named as in the configuration. */
export type Signal = "traces" | "logs" | "metrics";

/** The journal's stream that a signal is read from. */
export function streamOfSignal(signal: Signal): Stream {
  return signal === "traces" ? "spans" : signal;
}

/** Name of the journal consumer that is one signal of one exporter; the prefix makes it droppable when the disk budget is spent. */
export function exporterConsumer(exporter: string, signal: Signal): string {
  return `export.${exporter}.${signal}`;
}
