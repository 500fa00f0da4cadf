import { setTimeout as sleep } from "node:timers/promises";

export interface LogLoad {
  /** Bodies of the log records that the collector has acknowledged; no two are the same. */
  readonly acknowledged: readonly string[];
  /** Ends after what is under way. */
  stop(): Promise<void>;
}

const recordsPerRequest = 10;

type Attributes = Readonly<Record<string, unknown>>;

/** Sends logs of the service "shop" one request after another, each until it is acknowledged. */
export function startLogLoad(
  otlpUrl: string,
  {
    prefix,
    pauseMs,
    attributesOf,
  }: { prefix: string; pauseMs: number; attributesOf: (index: number) => Attributes },
): LogLoad {
  const acknowledged: string[] = [];
  const leaving = new AbortController();
  const run = async (): Promise<void> => {
    for (let request = 0; !leaving.signal.aborted; request += 1) {
      const records = Array.from({ length: recordsPerRequest }, (_, place) => {
        const index = request * recordsPerRequest + place;
        return { text: `${prefix} ${index}`, attributes: attributesOf(index) };
      });
      while ((await sendLogs(otlpUrl, records)) !== 200) await sleep(50);
      acknowledged.push(...records.map(({ text }) => text));
      await sleep(pauseMs);
    }
  };
  const running = run();
  running.catch(() => undefined);
  return {
    acknowledged,
    async stop() {
      leaving.abort();
      await running;
    },
  };
}

/** Sends log records as OTLP/JSON; attributes are AnyValues. */
export async function sendLogs(
  otlpUrl: string,
  records: readonly { readonly text: string; readonly attributes: Attributes }[],
): Promise<number> {
  const logRecords = records.map(({ text, attributes }) => ({
    timeUnixNano: `${Date.now()}000000`,
    severityNumber: 9,
    severityText: "INFO",
    body: { stringValue: text },
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value })),
  }));
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  const response = await fetch(`${otlpUrl}/v1/logs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }),
    signal: AbortSignal.timeout(30_000),
  });
  await response.arrayBuffer();
  return response.status;
}
