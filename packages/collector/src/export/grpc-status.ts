import type { IncomingHttpHeaders } from "node:http2";
import type { Outcome } from "./outcome.ts";
import { bytesOf, readFields, varintOf } from "./read-fields.ts";

/** The status codes that we tell apart. @see gRPC, "Status codes and their use" */
export const grpcCode = {
  ok: 0,
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
  /** What RetryInfo says; undefined when there is none. */
  readonly retryAfterMs: number | undefined;
}

const messageLengthMax = 300;
/** A server that asks for more than a day is broken. */
const retryAfterMsMax = 86_400_000;

/** The status in a call's trailers; undefined when they have none, as when the call was cut off. */
export function parseGrpcStatus(trailers: IncomingHttpHeaders): GrpcStatus | undefined {
  const code = textOf(trailers, "grpc-status");
  if (code === undefined || !/^\d{1,3}$/.test(code)) return undefined;
  const message = decodeMessage(textOf(trailers, "grpc-message") ?? "").slice(0, messageLengthMax);
  return {
    code: Number(code),
    message,
    retryAfterMs: retryAfterOf(textOf(trailers, "grpc-status-details-bin")),
  };
}

/**
 * What a status other than OK means.
 * @see OTLP specification, "OTLP/gRPC Response": which codes may be retried, and RESOURCE_EXHAUSTED only with RetryInfo.
 */
export function outcomeOfGrpcStatus({ code, message: text, retryAfterMs }: GrpcStatus): Outcome {
  const message = `status ${code} ${text}`.trim();
  switch (code) {
    case grpcCode.cancelled:
    case grpcCode.deadlineExceeded:
    case grpcCode.aborted:
    case grpcCode.outOfRange:
    case grpcCode.unavailable:
    case grpcCode.dataLoss:
      return { kind: "retryable", message, retryAfterMs };
    case grpcCode.resourceExhausted:
      // Without RetryInfo it cannot recover: the message is over the server's limit.
      if (retryAfterMs === undefined) return { kind: "too_large", message };
      return { kind: "retryable", message, retryAfterMs };
    case grpcCode.invalidArgument:
      return { kind: "refused", message };
    case grpcCode.unauthenticated:
    case grpcCode.permissionDenied:
      return { kind: "paused", reason: "unauthorized", message, retryAfterMs };
    case grpcCode.unimplemented:
      return { kind: "paused", reason: "not_found", message, retryAfterMs };
    default:
      // The specification would let us drop these. What is in the journal can wait until somebody has looked.
      return { kind: "paused", reason: "unexpected_status", message, retryAfterMs };
  }
}

/** @see google/rpc/error_details.proto: Status.details (3) holds Any: type_url (1), value (2); RetryInfo.retry_delay (1) is seconds (1), nanos (2) */
function retryAfterOf(details: string | undefined): number | undefined {
  if (details === undefined) return undefined;
  const status = readFields(Buffer.from(details, "base64"));
  for (const { number, bytes } of status ?? []) {
    if (number !== 3 || bytes === undefined) continue;
    const any = readFields(bytes);
    if (bytesOf(any, 1)?.toString("latin1").endsWith("/google.rpc.RetryInfo") !== true) continue;
    const info = readFields(bytesOf(any, 2) ?? Buffer.alloc(0));
    const delay = readFields(bytesOf(info, 1) ?? Buffer.alloc(0));
    const delayMs = (varintOf(delay, 1) ?? 0) * 1_000 + (varintOf(delay, 2) ?? 0) / 1_000_000;
    return Math.min(delayMs, retryAfterMsMax);
  }
  return undefined;
}

/** Printable text out of the trailer's percent signs. */
function decodeMessage(text: string): string {
  const bytes = Buffer.from(
    text.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
  return bytes.toString("utf8").replaceAll(/\p{Cc}+/gu, " ");
}

function textOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
