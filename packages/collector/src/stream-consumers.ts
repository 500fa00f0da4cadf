import type { ExporterConfig } from "./config/index.ts";
import type { Consumer } from "./journal/index.ts";
import { exporterConsumer, streamOfSignal, type Stream } from "./model/index.ts";

/** Who reads a stream, so that its segments stay until all have passed them. */
export function consumersOf(exporters: readonly ExporterConfig[], stream: Stream): Consumer[] {
  const forwarding = exporters.flatMap(({ name, type, signals }) =>
    signals
      .filter((signal) => streamOfSignal(type, signal) === stream)
      .map((signal) => ({ name: exporterConsumer(name, signal), kind: "exporter" as const })),
  );
  return [{ name: stream === "series" ? "store" : "derive", kind: "state" }, ...forwarding];
}
