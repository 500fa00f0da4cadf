export { createOtlpReceiver, type OtlpReceiver, type ReceiverSettings } from "./receiver.ts";
export { createPushEndpoints, type PushEndpoints } from "./foreign/endpoints.ts";
export type { SeriesAppended } from "./foreign/remote-write.ts";
export { createZipkinReceiver, type ZipkinReceiver } from "./foreign/zipkin-receiver.ts";
export { parseLokiPush } from "./foreign/loki-json.ts";
export { parseStreamLabels } from "./foreign/loki-labels.ts";
export { buildLogsRequest } from "./foreign/loki-logs.ts";
export { decodeLokiPush } from "./foreign/loki-protobuf.ts";
export { buildTracesRequest } from "./foreign/zipkin-span.ts";
