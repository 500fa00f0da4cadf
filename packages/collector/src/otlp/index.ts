export { encodeAttribute } from "./attribute.ts";
export { decodeRequest, type Plain } from "./decode.ts";
export { encodeRequest } from "./encode.ts";
export { timeProblems } from "./odd-times.ts";
export { countItems, inspectRequest, type Inspection } from "./inspect.ts";
export { decodeRemoteWrite, type RemoteWriteRequest, type RemoteWriteVersion } from "./remote-write.ts";
export type { FamilyMetadata } from "./remote-write-v1.ts";
export { PatchList } from "./patch.ts";
export type { ResourceScan } from "./resource-scan.ts";
export {
  encodeExportResponse,
  encodeRetryStatus,
  encodeStatus,
  type OtlpContentType,
  type PartialSuccess,
} from "./respond.ts";
export { scanLogs, type LogScan } from "./scan-logs.ts";
export type { RejectReason } from "./scanner.ts";
export { scanSpans, type SpanScan } from "./scan-spans.ts";
export { depthMax, requests, type Field, type Message, type OtlpSignal } from "./schema.ts";
export { decodeSeriesBatch } from "./series-decode.ts";
export { encodeSeriesBatch } from "./series-encode.ts";
export { foreignMark, isForeign } from "./series-origin.ts";
export { decodeHistogramSample } from "./series-histogram-decode.ts";
export { encodeHistogramSample } from "./series-histogram-encode.ts";
export { mergeSeriesBatches, type WriteCounts } from "./series-merge.ts";
export { encodeMetadataV1 } from "./series-v1-metadata.ts";
export { encodeWriteRequestV1 } from "./series-v1.ts";
export { compressSnappy, snappyContentSizeBytes, uncompressSnappy } from "./snappy.ts";
export { transcodeJson } from "./transcode-json.ts";
export { encodeVarint, wireBytes, WireCursor, wireFixed64, wireVarint } from "./wire.ts";
