export { decodeRequest, type Plain } from "./decode.ts";
export { countItems, inspectRequest, type Inspection } from "./inspect.ts";
export { encodeExportResponse, encodeStatus, type OtlpContentType } from "./respond.ts";
export { scanLogs, scanSpans, type LogScan, type ResourceScan, type SpanScan } from "./scan.ts";
export { decodeSeriesBatch, encodeSeriesBatch } from "./series-batch.ts";
export { encodeRequest, transcodeJson } from "./transcode-json.ts";
