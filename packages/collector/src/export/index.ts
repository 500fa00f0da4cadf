export type { Compression } from "./compress.ts";
export {
  createOtlpHttpExporter,
  type Exporter,
  type ExporterSignalStatus,
  type OtlpHttpExporterOptions,
} from "./exporter.ts";
export { exporterConsumer, streamOfSignal, type Signal } from "./signal.ts";
export { createHttpTransport, type ExportRequest, type ExportResponse, type Transport } from "./transport.ts";
