import { randomBytes } from "node:crypto";

/** The number that OTLP has for each. */
const spanKinds = { internal: 1, server: 2, client: 3 } as const;

export interface SpanSettings {
  readonly service: string;
  readonly name: string;
  readonly kind: keyof typeof spanKinds;
  readonly isFailed?: boolean;
  readonly traceId: string;
  /** A random one when not given. */
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly endMs: number;
  readonly durationMs: number;
}

/** A trace id that nobody has yet: 32 hexadecimal digits. */
export const newTraceId = (): string => randomBytes(16).toString("hex");
export const newSpanId = (): string => randomBytes(8).toString("hex");

/** An ExportTraceServiceRequest in JSON, one resource a span. */
function buildTraceRequest(spans: readonly SpanSettings[]): string {
  return JSON.stringify({
    resourceSpans: spans.map((span) => ({
      resource: { attributes: [{ key: "service.name", value: { stringValue: span.service } }] },
      scopeSpans: [
        {
          scope: { name: "test" },
          spans: [
            {
              traceId: span.traceId,
              spanId: span.spanId ?? newSpanId(),
              ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
              name: span.name,
              kind: spanKinds[span.kind],
              startTimeUnixNano: nanos(span.endMs - span.durationMs),
              endTimeUnixNano: nanos(span.endMs),
              status: span.isFailed === true ? { code: 2 } : {},
            },
          ],
        },
      ],
    })),
  });
}

/** Sends spans as OTLP/JSON. The caller looks at the status; a collector that is away is an error of fetch. */
export async function sendSpans(otlpUrl: string, spans: readonly SpanSettings[]): Promise<number> {
  const response = await fetch(`${otlpUrl}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: buildTraceRequest(spans),
    signal: AbortSignal.timeout(10_000),
  });
  await response.arrayBuffer();
  return response.status;
}

/** Sends one log record as OTLP/JSON. The caller looks at the status; a collector that is away is an error of fetch. */
export async function sendLog(
  otlpUrl: string,
  { service, text }: { readonly service: string; readonly text: string },
): Promise<number> {
  const record = { timeUnixNano: nanos(Date.now()), severityNumber: 9, body: { stringValue: text } };
  const resource = { attributes: [{ key: "service.name", value: { stringValue: service } }] };
  const response = await fetch(`${otlpUrl}/v1/logs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record] }] }] }),
    signal: AbortSignal.timeout(10_000),
  });
  await response.arrayBuffer();
  return response.status;
}

function nanos(timeMs: number): string {
  return String(BigInt(Math.round(timeMs * 1_000)) * 1_000n);
}
