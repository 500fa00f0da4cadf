import { failure, parameter, ParameterError, type Answer, type Parameters } from "../api/index.ts";
import { decodeRequest } from "../otlp/index.ts";

/** One record of the `spans` stream that may hold spans of the trace. */
interface SpanRecord {
  readonly payload: Uint8Array;
}

interface TraceSettings {
  /** Records of the journal, oldest first. */
  readonly records: Iterable<SpanRecord>;
  readonly nowMs: () => number;
  readonly isCancelled: () => boolean;
}

const searchTimeMsMax = 5_000;

/**
 * One trace from the journal, in the form of Jaeger's API (`/api/v3/traces/{trace_id}`).
 * Bounds: the journal is searched for five seconds at most; a trace whose segments are deleted is gone.
 */
export function answerTrace(parameters: Parameters, settings: TraceSettings): Answer {
  const traceId = (parameter(parameters, "trace_id") ?? "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId))
    throw new ParameterError("trace_id", "a trace id has 32 hexadecimal digits");
  const id = Buffer.from(traceId, "hex");
  const deadlineMs = settings.nowMs() + searchTimeMsMax;
  const resourceSpans: object[] = [];
  for (const { payload } of settings.records) {
    if (settings.isCancelled()) return failure("canceled", "the client left");
    if (settings.nowMs() > deadlineMs)
      return failure("timeout", `the journal was searched for ${searchTimeMsMax} ms`);
    // Sixteen bytes are looked for without decoding anything; only a record that has them is decoded.
    if (Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).includes(id)) {
      resourceSpans.push(...spansOf(payload, traceId));
    }
  }
  if (resourceSpans.length === 0) {
    return failure(
      "not_found",
      `the journal holds no span of trace ${traceId}; its segments may be deleted already`,
    );
  }
  return { statusCode: 200, body: JSON.stringify({ result: { resourceSpans } }) };
}

interface PlainSpans {
  readonly resourceSpans?: readonly {
    readonly scopeSpans?: readonly { readonly spans?: readonly { readonly traceId?: string }[] }[];
  }[];
}

/** The trace's spans in one payload, in the groups of their resources. */
function spansOf(payload: Uint8Array, traceId: string): object[] {
  const { resourceSpans = [] } = decodeRequest("spans", payload) as PlainSpans;
  return resourceSpans
    .map((group) => ({
      ...group,
      scopeSpans: (group.scopeSpans ?? [])
        .map((scope) => ({ ...scope, spans: (scope.spans ?? []).filter((span) => span.traceId === traceId) }))
        .filter(({ spans }) => spans.length > 0),
    }))
    .filter(({ scopeSpans }) => scopeSpans.length > 0);
}
