export { createOtlpReceiver, type OtlpReceiver, type ReceiverSettings } from "./receiver.ts";
export { createPushEndpoints, type PushEndpoints } from "./foreign/endpoints.ts";
export type { SeriesAppended } from "./foreign/remote-write.ts";
export { createZipkinReceiver, type ZipkinReceiver } from "./foreign/zipkin-receiver.ts";
