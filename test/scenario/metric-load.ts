import { newSpanId, newTraceId, sendSpans } from "./spans.ts";

/** What one service sends all the time, until it is stopped. */
export interface Load extends AsyncDisposable {
  /** Spans that were acknowledged. */
  readonly spanCount: number;
  stop(): Promise<void>;
}

const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });
const nanos = (timeMs: number): string => `${timeMs}000000`;

/** Sums as deltas, a gauge, and an exponential histogram in deltas with an exemplar, once a second: what derive has to add up. The last ends the gauge. */
function buildMetrics(startMs: number, round: number, isLast: boolean): string {
  const point = {
    startTimeUnixNano: nanos(startMs + (round - 1) * 1_000),
    timeUnixNano: nanos(startMs + round * 1_000),
    attributes: [],
  };
  const counts = Array.from({ length: 12 }, (_, place) => (place * round) % 4);
  const count = counts.reduce((sum, one) => sum + one, 1);
  const exponential = {
    ...point,
    scale: round % 2 === 0 ? 3 : 10,
    count: String(count),
    sum: count / 8,
    zeroCount: "1",
    exemplars: [
      { timeUnixNano: point.timeUnixNano, asDouble: 1.5, traceId: newTraceId(), spanId: newSpanId() },
    ],
    positive: { offset: round % 5, bucketCounts: counts.map(String) },
  };
  const metrics = [
    {
      name: "jobs.done",
      sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ ...point, asInt: "3" }] },
    },
    {
      name: "heap",
      unit: "By",
      // The flag says that there is no value any more.
      gauge: { dataPoints: [{ ...point, asDouble: round / 7, flags: isLast ? 1 : 0 }] },
    },
    {
      name: "took",
      unit: "s",
      exponentialHistogram: { aggregationTemporality: 1, dataPoints: [exponential] },
    },
  ];
  const attributes = [
    attribute("service.name", "loader"),
    attribute("service.instance.id", "l1"),
    attribute("host.name", "h1"),
  ];
  return JSON.stringify({ resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics }] }] });
}

function buildLogs(): string {
  const timeUnixNano = nanos(Date.now());
  const logRecords = [9, 17].map((severityNumber) => ({
    timeUnixNano,
    severityNumber,
    body: { stringValue: "a line" },
  }));
  const resource = { attributes: [attribute("service.name", "loader")] };
  return JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });
}

async function post(url: string, body: string): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}

/** Sends spans and logs ten times a second and metrics once, as fast as they are acknowledged. */
export function startLoad(otlpUrl: string): Load {
  const stopping = new AbortController();
  const startMs = Date.now();
  let spanCount = 0;
  const rest = (untilMs: number): Promise<void> =>
    new Promise((resolve) => setTimeout(resolve, Math.max(1, untilMs - Date.now())));

  async function run(): Promise<void> {
    for (let tick = 0; !stopping.signal.aborted; tick += 1) {
      const endMs = Date.now();
      const spans = Array.from({ length: 10 }, (_, index) => ({
        service: `loader-${index % 3}`,
        name: `GET /${(tick + index) % 4}`,
        kind: "server" as const,
        isFailed: index === 7,
        traceId: newTraceId(),
        endMs,
        durationMs: 1 + ((tick * 13 + index * 7) % 300),
      }));
      await sendSpans(otlpUrl, spans);
      spanCount += spans.length;
      await post(`${otlpUrl}/v1/logs`, buildLogs());
      if (tick % 10 === 0) await post(`${otlpUrl}/v1/metrics`, buildMetrics(startMs, tick / 10, false));
      await rest(endMs + 100);
    }
    await post(`${otlpUrl}/v1/metrics`, buildMetrics(startMs, 0, true));
  }

  const running = run();
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
  };
  return {
    get spanCount() {
      return spanCount;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
