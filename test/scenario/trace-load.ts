import { setTimeout as sleep } from "node:timers/promises";
import { newTraceId, sendLog, sendSpans, type SpanSettings } from "./spans.ts";

export interface AcknowledgedTrace {
  readonly traceId: string;
  /** Of its spans; no two spans have the same name. */
  readonly names: readonly string[];
}

export interface TraceLoad {
  readonly acknowledged: readonly AcknowledgedTrace[];
  /** Texts of log records, one a trace; empty without `hasLogs`. */
  readonly acknowledgedLogs: readonly string[];
  /** Ends after what is under way. */
  stop(): Promise<void>;
}

const senderCount = 3;
export const spansPerTrace = 5;
/** Of names that a back end of a test refuses; the dash is in no trace id, which may well begin with "bad". */
export const badPrefix = "bad-";

/** Sends traces of the service "shop" one after another, each until it is acknowledged; the names of one in `badEvery` begin with `badPrefix`. */
export function startTraceLoad(
  otlpUrl: string,
  settings: { readonly pauseMs: number; readonly badEvery?: number; readonly hasLogs?: boolean },
): TraceLoad {
  const { pauseMs, badEvery = Infinity, hasLogs = false } = settings;
  const acknowledged: AcknowledgedTrace[] = [];
  const acknowledgedLogs: string[] = [];
  const leaving = new AbortController();
  const run = async (): Promise<void> => {
    for (let index = 1; !leaving.signal.aborted; index += 1) {
      const traceId = newTraceId();
      const prefix = index % badEvery === 0 ? badPrefix : "";
      const names = Array.from({ length: spansPerTrace }, (_, place) => `${prefix}${traceId}-${place}`);
      const spans = names.map((name) => spanOf(traceId, name));
      if (await untilAcknowledged(() => sendSpans(otlpUrl, spans))) acknowledged.push({ traceId, names });
      const text = names[0]!;
      if (hasLogs && (await untilAcknowledged(() => sendLog(otlpUrl, { service: "shop", text }))))
        acknowledgedLogs.push(text);
      await sleep(pauseMs);
    }
  };
  const untilAcknowledged = async (send: () => Promise<number>): Promise<boolean> => {
    while (!leaving.signal.aborted) {
      const status = await send().catch((error: unknown) => {
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
    acknowledgedLogs,
    async stop() {
      leaving.abort();
      await running;
    },
  };
}

function spanOf(traceId: string, name: string): SpanSettings {
  return { service: "shop", name, kind: "server", traceId, endMs: Date.now(), durationMs: 1 };
}
