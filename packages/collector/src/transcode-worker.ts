import { parentPort } from "node:worker_threads";
import { freeMemory } from "./model/index.ts";
import { transcodeJson, type OtlpSignal } from "./otlp/index.ts";
import { Moved, serveCalls } from "./thread.ts";

serveCalls(parentPort!, {
  transcode({
    signal,
    json,
  }: {
    readonly signal: OtlpSignal;
    readonly json: Uint8Array<ArrayBuffer>;
  }): Moved {
    try {
      return new Moved(transcodeJson(signal, json));
    } finally {
      freeMemory(json);
    }
  },
});
