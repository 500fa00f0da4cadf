import { ByteWriter } from "./byte-writer.ts";

/** The two encodings of OTLP/HTTP. An answer has the encoding of its request. */
export type OtlpContentType = "application/x-protobuf" | "application/json";

const rejectedNames = {
  spans: "rejectedSpans",
  logs: "rejectedLogRecords",
  metrics: "rejectedDataPoints",
} as const;

/**
 * The body of an Export…ServiceResponse. `partial_success` stays unset when nothing was rejected.
 * @see OTLP specification, "Full Success" and "Partial Success"
 */
export function encodeExportResponse(
  signal: "spans" | "logs" | "metrics",
  contentType: OtlpContentType,
  partial: { readonly rejectedCount: number; readonly message: string } | undefined,
): Buffer {
  if (contentType === "application/json") {
    const partialSuccess = partial && {
      [rejectedNames[signal]]: String(partial.rejectedCount),
      errorMessage: partial.message,
    };
    return Buffer.from(JSON.stringify(partialSuccess === undefined ? {} : { partialSuccess }));
  }
  const response = new ByteWriter();
  if (partial !== undefined) {
    const inner = new ByteWriter();
    inner.tag(1, 0);
    inner.varint(partial.rejectedCount);
    inner.bytes(2, Buffer.from(partial.message));
    response.bytes(1, inner.take());
  }
  return response.take();
}

/**
 * A google.rpc.Status: the body of every refusal.
 * @see OTLP specification, "OTLP/HTTP Failures"
 */
export function encodeStatus(
  contentType: OtlpContentType,
  status: { readonly code: number; readonly message: string },
): Buffer {
  if (contentType === "application/json") return Buffer.from(JSON.stringify(status));
  const writer = new ByteWriter();
  writer.tag(1, 0);
  writer.varint(status.code);
  writer.bytes(2, Buffer.from(status.message));
  return writer.take();
}
