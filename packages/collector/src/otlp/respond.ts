import { ReverseWriter } from "./reverse-writer.ts";
import type { OtlpSignal } from "./schema.ts";

/** The two encodings of OTLP/HTTP. An answer has the encoding of its request. */
export type OtlpContentType = "application/x-protobuf" | "application/json";

const rejectedNames = {
  spans: "rejectedSpans",
  logs: "rejectedLogRecords",
  metrics: "rejectedDataPoints",
} as const;

// Fields of Export…ServiceResponse, its partial success, and google.rpc.Status.
const fieldPartialSuccess = 1;
const fieldRejected = 1;
const fieldErrorMessage = 2;
const fieldCode = 1;
const fieldMessage = 2;

/** The specification lets an answer have 4 MiB; nobody reads more than this. */
const messageLengthMax = 4096;

export interface PartialSuccess {
  /** 0 with a message is a warning. */
  readonly rejectedCount: number;
  readonly message: string;
}

/**
 * The body of an Export…ServiceResponse. `partial_success` stays unset when nothing was rejected.
 * @see OTLP specification, "Full Success" and "Partial Success"
 */
export function encodeExportResponse(
  signal: OtlpSignal,
  contentType: OtlpContentType,
  partial?: PartialSuccess,
): Buffer {
  const message = shorten(partial?.message ?? "");
  if (contentType === "application/json") {
    if (partial === undefined) return Buffer.from("{}");
    const partialSuccess = { [rejectedNames[signal]]: String(partial.rejectedCount), errorMessage: message };
    return Buffer.from(JSON.stringify({ partialSuccess }));
  }
  const writer = new ReverseWriter(64);
  if (partial !== undefined) {
    writer.string(message);
    writer.tag(fieldErrorMessage, 2);
    writer.varint(partial.rejectedCount);
    writer.tag(fieldRejected, 0);
    writer.message(fieldPartialSuccess, 0);
  }
  return writer.take();
}

/**
 * A google.rpc.Status, the body of every refusal; `code` is a number of google.rpc.Code.
 * @see OTLP specification, "OTLP/HTTP Failures"
 */
export function encodeStatus(
  contentType: OtlpContentType,
  { code, message }: { readonly code: number; readonly message: string },
): Buffer {
  const text = shorten(message);
  if (contentType === "application/json") return Buffer.from(JSON.stringify({ code, message: text }));
  const writer = new ReverseWriter(64);
  writer.string(text);
  writer.tag(fieldMessage, 2);
  writer.varint(code);
  writer.tag(fieldCode, 0);
  return writer.take();
}

/** The name that google.protobuf.Any has for RetryInfo. */
const retryInfoType = "type.googleapis.com/google.rpc.RetryInfo";
// Fields of google.rpc.Status, google.protobuf.Any, google.rpc.RetryInfo and google.protobuf.Duration.
const fieldDetails = 3;
const fieldTypeUrl = 1;
const fieldValue = 2;
const fieldRetryDelay = 1;
const fieldSeconds = 1;
const fieldNanos = 2;

/**
 * A google.rpc.Status with RetryInfo in its details: what tells a gRPC client when to try again.
 * @see OTLP specification, "OTLP/gRPC Throttling"
 */
export function encodeRetryStatus({
  code,
  message,
  retryAfterMs,
}: {
  readonly code: number;
  readonly message: string;
  readonly retryAfterMs: number;
}): Buffer {
  const writer = new ReverseWriter(256);
  writer.varint((retryAfterMs % 1_000) * 1_000_000);
  writer.tag(fieldNanos, 0);
  writer.varint(Math.floor(retryAfterMs / 1_000));
  writer.tag(fieldSeconds, 0);
  writer.message(fieldRetryDelay, 0);
  writer.message(fieldValue, 0);
  writer.string(retryInfoType);
  writer.tag(fieldTypeUrl, 2);
  writer.message(fieldDetails, 0);
  writer.string(shorten(message));
  writer.tag(fieldMessage, 2);
  writer.varint(code);
  writer.tag(fieldCode, 0);
  return writer.take();
}

function shorten(text: string): string {
  const whole = text.toWellFormed();
  return whole.length <= messageLengthMax ? whole : `${whole.slice(0, messageLengthMax - 1).toWellFormed()}…`;
}
