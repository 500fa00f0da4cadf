export type { Compression } from "./compress.ts";
export {
  createOtlpHttpExporter,
  type Exporter,
  type ExporterSignalStatus,
  type OtlpHttpExporterOptions,
} from "./exporter.ts";
export { exporterConsumer, streamOfSignal, type Signal } from "./signal.ts";
export type { ExportRequest, ExportResponse, Transport } from "./transport.ts";
