export { createOtlpReceiver, type OtlpReceiver, type ReceiverSettings } from "./receiver.ts";
