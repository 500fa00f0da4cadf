import { createOtlpReceiver } from "../../packages/collector/src/receive/index.ts";
import { systemClock } from "../../packages/collector/src/model/index.ts";
import { createTelemetry, type Log } from "../../packages/collector/src/telemetry/index.ts";
import { decodeSpans } from "../scenario/journal-spans.ts";

/** A back end that receives OTLP and remembers when each span arrived. */
export interface FarEnd extends AsyncDisposable {
  readonly url: string;
  /** Times of arrival in ms of `performance.now`, by span id. */
  readonly arrivals: ReadonlyMap<string, readonly number[]>;
}

export async function startFarEnd(): Promise<FarEnd> {
  const arrivals = new Map<string, number[]>();
  const pass = (): void => undefined;
  const problems: string[] = [];
  const log: Log = { info: pass, warn: pass, error: (message) => void problems.push(message) };
  const receiver = createOtlpReceiver({
    listen: [{ host: "127.0.0.1", port: 0 }],
    requestSizeBytesMax: 64 * 1024 * 1024,
    tokens: () => [],
    async append(_signal, { payload }) {
      const atMs = performance.now();
      for (const { spanId } of decodeSpans(Buffer.concat(payload))) {
        const times = arrivals.get(spanId);
        if (times === undefined) arrivals.set(spanId, [atMs]);
        else times.push(atMs);
      }
    },
    clock: systemClock,
    telemetry: createTelemetry(),
    log,
  });
  const [address] = await receiver.start();
  return {
    url: `http://${address}`,
    arrivals,
    async [Symbol.asyncDispose]() {
      await receiver.stop({ deadlineMs: 2_000 });
      if (problems.length > 0) throw new Error(`the far end failed: ${problems.join("; ")}`);
    },
  };
}
