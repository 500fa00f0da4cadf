import { parentPort } from "node:worker_threads";
import { transcodeJson, type OtlpSignal } from "./otlp/index.ts";
import { serveCalls } from "./thread.ts";

serveCalls(parentPort!, {
  transcode({ signal, json }: { readonly signal: OtlpSignal; readonly json: Uint8Array }): Uint8Array {
    // A memory of its own: the whole of what the bytes lie in is copied on their way back.
    return new Uint8Array(transcodeJson(signal, json));
  },
});
