import { Worker } from "node:worker_threads";
import { CollectorError, type Clock } from "./model/index.ts";
import { transcodeJson, type OtlpSignal } from "./otlp/index.ts";
import { connectThread, workerFile, type Remote } from "./thread.ts";

/** OTLP/JSON to OTLP/protobuf without making everybody wait for a large body. */
export interface Transcoder {
  /** At once for a small body, in a thread of its own for a large one. @throws CollectorError as `transcodeJson` */
  transcode(signal: OtlpSignal, json: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Ends the thread; what it is at rejects. Safe to call twice. */
  stop(): Promise<void>;
}

/** Takes a quarter of a millisecond; the way to the thread and back takes as long again. */
const sizeBytesMin = 64 * 1024;
/** The thread ends when nobody has needed it for so long: most collectors never see such a body. */
const idleMs = 60_000;
/** Nothing of a body lies in the heap. */
const youngGenerationSizeMb = 3;

interface Running {
  readonly worker: Worker;
  readonly remote: Remote;
}

export function createTranscoder({ clock }: { readonly clock: Clock }): Transcoder {
  let running: Running | undefined;
  let callCount = 0;
  let isStopping = false;
  let cancelIdle: () => void = () => undefined;

  function start(): Running {
    const worker = new Worker(workerFile("transcode"), {
      name: "transcode",
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationSizeMb },
    });
    const started = { worker, remote: connectThread(worker) };
    worker.once("exit", () => {
      if (running === started) running = undefined;
    });
    return started;
  }

  async function end(): Promise<void> {
    cancelIdle();
    const ending = running;
    running = undefined;
    await ending?.worker.terminate();
  }

  async function transcodeApart(signal: OtlpSignal, json: Uint8Array): Promise<Uint8Array> {
    cancelIdle();
    callCount += 1;
    running ??= start();
    const { remote } = running;
    // What the body lies in is used for other bodies as well, and cannot be given away.
    const copy = new Uint8Array(json);
    try {
      const params = { signal, json: copy };
      return await remote.call<Uint8Array>("transcode", params, { transfer: [copy.buffer] });
    } catch (cause) {
      if (isStopping)
        throw new CollectorError("QUARTET_JOURNAL_UNAVAILABLE", "the collector is stopping", { cause });
      throw cause;
    } finally {
      callCount -= 1;
      if (callCount === 0) cancelIdle = clock.setTimer(() => void end(), idleMs);
    }
  }

  return {
    transcode: (signal, json) =>
      json.length < sizeBytesMin ? transcodeJson(signal, json) : transcodeApart(signal, json),
    stop() {
      isStopping = true;
      return end();
    },
  };
}
