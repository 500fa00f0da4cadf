export type { BackEnd, Shipment, UndecodableRecord } from "./back-end.ts";
export type { Compression } from "./compress.ts";
export { createElasticsearchBackEnd, type ElasticsearchSettings } from "./elasticsearch/back-end.ts";
export type { Destination } from "./elasticsearch/target.ts";
export { baseUrl, grpcUrl, signalUrl, writeUrl } from "./endpoint.ts";
export {
  createExporter,
  type Exporter,
  type ExporterOptions,
  type ExporterSignalStatus,
} from "./exporter.ts";
export { createGrpcChannel, type GrpcChannel, type GrpcChannelSettings } from "./grpc-channel.ts";
export { createOtlpGrpcBackEnd, type OtlpGrpcSettings } from "./otlp-grpc.ts";
export { createOtlpHttpBackEnd, type OtlpHttpSettings } from "./otlp-http.ts";
export { createRemoteWriteBackEnd, type RemoteWriteSettings } from "./remote-write.ts";
export {
  createHttpTransport,
  type ExportRequest,
  type ExportResponse,
  type Transport,
  type TransportSettings,
} from "./transport.ts";
export type { TlsSettings } from "./dial.ts";
