import { failure, type Answer } from "./answer.ts";
import { parameter, ParameterError, type Parameters } from "./parameters.ts";

/** One record of the `spans` stream that may hold spans of the trace. */
interface SpanRecord {
  readonly payload: Uint8Array;
}

interface TraceSettings {
  /** Records of the journal, oldest first. */
  readonly records: Iterable<SpanRecord>;
  /** The OTLP/JSON of the trace's spans in one payload, as `resourceSpans`; [] when there are none. */
  readonly spansOf: (payload: Uint8Array, traceId: string) => readonly object[];
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
      resourceSpans.push(...settings.spansOf(payload, traceId));
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
