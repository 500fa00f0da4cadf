import protobuf from "protobufjs";
import { readSegments } from "../../packages/collector/src/journal/index.ts";

/** One span as it lies in the journal. */
export interface JournaledSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly statusCode: number;
}

/** The fields of OTLP's trace messages that a recount needs, read by a generated decoder: independent of the collector's scanner. */
const messages = protobuf.Root.fromJSON({
  nested: {
    Request: { fields: { resourceSpans: { rule: "repeated", type: "ResourceSpans", id: 1 } } },
    ResourceSpans: {
      fields: {
        resource: { type: "Resource", id: 1 },
        scopeSpans: { rule: "repeated", type: "ScopeSpans", id: 2 },
      },
    },
    Resource: { fields: { attributes: { rule: "repeated", type: "KeyValue", id: 1 } } },
    KeyValue: { fields: { key: { type: "string", id: 1 }, value: { type: "AnyValue", id: 2 } } },
    AnyValue: { fields: { stringValue: { type: "string", id: 1 } } },
    ScopeSpans: { fields: { spans: { rule: "repeated", type: "Span", id: 2 } } },
    Span: {
      fields: {
        traceId: { type: "bytes", id: 1 },
        spanId: { type: "bytes", id: 2 },
        name: { type: "string", id: 5 },
        kind: { type: "int32", id: 6 },
        status: { type: "Status", id: 15 },
      },
    },
    Status: { fields: { code: { type: "int32", id: 3 } } },
  },
}).lookupType("Request");

interface DecodedRequest {
  readonly resourceSpans: readonly {
    readonly resource?: {
      readonly attributes: readonly { key: string; value?: { stringValue?: string } }[];
    };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        traceId: string;
        spanId: string;
        name: string;
        kind: number;
        status?: { code: number };
      }[];
    }[];
  }[];
}

/** Every span in the journal's segments, in the order of receipt. */
export function* journaledSpans(dataDir: string): Generator<JournaledSpan> {
  for (const { payload } of readSegments({ dir: dataDir, stream: "spans" })) yield* decodeSpans(payload);
}

/** The spans of one ExportTraceServiceRequest. */
export function* decodeSpans(payload: Uint8Array): Generator<JournaledSpan> {
  const request = messages.toObject(messages.decode(payload), {
    arrays: true,
    defaults: true,
    // protobufjs gives bytes as base64 text on demand; hexadecimal is what everybody writes.
    bytes: String,
  }) as DecodedRequest;
  for (const { resource, scopeSpans } of request.resourceSpans) {
    const service = resource?.attributes.find(({ key }) => key === "service.name")?.value?.stringValue ?? "";
    for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
      yield {
        traceId: Buffer.from(span.traceId, "base64").toString("hex"),
        spanId: Buffer.from(span.spanId, "base64").toString("hex"),
        service,
        name: span.name,
        kind: span.kind,
        statusCode: span.status?.code ?? 0,
      };
    }
  }
}

const kindNames = [
  "SPAN_KIND_UNSPECIFIED",
  "SPAN_KIND_INTERNAL",
  "SPAN_KIND_SERVER",
  "SPAN_KIND_CLIENT",
  "SPAN_KIND_PRODUCER",
  "SPAN_KIND_CONSUMER",
];
const statusNames = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/** What the RED counters must be: spans by service, name, kind and status, under one text key each. */
export function countCalls(spans: Iterable<JournaledSpan>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { service, name, kind, statusCode } of spans) {
    const key = callsKey({
      service_name: service,
      span_name: name,
      span_kind: kindNames[kind] ?? String(kind),
      status_code: statusNames[statusCode] ?? String(statusCode),
    });
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** The key of one series of calls by its labels; others are left out. */
export function callsKey(labels: Readonly<Record<string, string>>): string {
  return ["service_name", "span_name", "span_kind", "status_code"]
    .map((name) => labels[name] ?? "")
    .join(" | ");
}
