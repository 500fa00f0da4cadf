import { setTimeout as sleep } from "node:timers/promises";
import { newTraceId, sendSpans } from "./spans.ts";

export interface AcknowledgedTrace {
  readonly traceId: string;
  /** Of its spans; no two spans have the same name. */
  readonly names: readonly string[];
}

export interface TraceLoad {
  readonly acknowledged: readonly AcknowledgedTrace[];
  /** Ends after what is under way. */
  stop(): Promise<void>;
}

const senderCount = 3;
export const spansPerTrace = 5;

/** Sends traces of the service "shop" one after another, each until it is acknowledged; the spans of one in `badEvery` are called bad-…. */
export function startTraceLoad(
  otlpUrl: string,
  { pauseMs, badEvery = Infinity }: { readonly pauseMs: number; readonly badEvery?: number },
): TraceLoad {
  const acknowledged: AcknowledgedTrace[] = [];
  const leaving = new AbortController();
  const run = async (): Promise<void> => {
    for (let index = 1; !leaving.signal.aborted; index += 1) {
      const traceId = newTraceId();
      const prefix = index % badEvery === 0 ? "bad-" : "";
      const names = Array.from({ length: spansPerTrace }, (_, place) => `${prefix}${traceId}-${place}`);
      if (await sendUntilAcknowledged(traceId, names)) acknowledged.push({ traceId, names });
      await sleep(pauseMs);
    }
  };
  const sendUntilAcknowledged = async (traceId: string, names: readonly string[]): Promise<boolean> => {
    const kind = "server" as const;
    const spans = names.map((name) => ({
      service: "shop",
      name,
      kind,
      traceId,
      endMs: Date.now(),
      durationMs: 1,
    }));
    while (!leaving.signal.aborted) {
      const status = await sendSpans(otlpUrl, spans).catch((error: unknown) => {
        // The collector is down; anything else is a mistake of the test.
        if (error instanceof TypeError || (error as Error).name === "TimeoutError") return 0;
        throw error;
      });
      if (status === 200) return true;
      await sleep(20);
    }
    return false;
  };
  const running = Promise.all(Array.from({ length: senderCount }, run));
  running.catch(() => undefined);
  return {
    acknowledged,
    async stop() {
      leaving.abort();
      await running;
    },
  };
}
