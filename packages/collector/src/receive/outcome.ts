import { CollectorError } from "../model/index.ts";
import type { OtlpSignal, PartialSuccess } from "../otlp/index.ts";

/** Why a request was refused, in the words of the `reason` label. */
export type RefusalReason =
  | "not_found"
  | "method"
  | "unauthenticated"
  | "origin"
  | "rate_limited"
  | "content_type"
  | "encoding"
  | "undecodable"
  | "fragmented"
  | "too_large"
  | "memory_full"
  | "journal_full"
  | "journal_unavailable"
  | "slow"
  | "client_left"
  | "internal";

export interface Refusal {
  readonly kind: "refused";
  readonly reason: RefusalReason;
  /** For the person who reads the client's log: what is wrong, and the mend. */
  readonly message: string;
  /** When the client may try again; undefined where that cannot help. */
  readonly retryAfterMs?: number;
}

/** What became of a request. */
export type Outcome =
  | { readonly kind: "accepted"; readonly signal: OtlpSignal; readonly partial: PartialSuccess | undefined }
  | Refusal;

export function refuse(reason: RefusalReason, message: string, retryAfterMs?: number): Refusal {
  return { kind: "refused", reason, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The numbers of google.rpc.Code, which are those of gRPC. */
export const rpcCode = {
  ok: 0,
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

interface Meaning {
  readonly httpStatus: number;
  readonly rpcCode: number;
}

/**
 * What a refusal is in HTTP and in gRPC. Clients try again on 429, 502, 503, 504 and on UNAVAILABLE, and on nothing else here:
 * RESOURCE_EXHAUSTED without RetryInfo is final.
 * @see OTLP specification, "OTLP/HTTP Failures" and "OTLP/gRPC Throttling"
 */
export const refusalMeaning: Readonly<Record<RefusalReason, Meaning>> = {
  not_found: { httpStatus: 404, rpcCode: rpcCode.unimplemented },
  method: { httpStatus: 405, rpcCode: rpcCode.unimplemented },
  unauthenticated: { httpStatus: 401, rpcCode: rpcCode.unauthenticated },
  origin: { httpStatus: 403, rpcCode: rpcCode.permissionDenied },
  // With RetryInfo, without which clients would give the batch up.
  rate_limited: { httpStatus: 429, rpcCode: rpcCode.resourceExhausted },
  content_type: { httpStatus: 415, rpcCode: rpcCode.invalidArgument },
  encoding: { httpStatus: 415, rpcCode: rpcCode.unimplemented },
  undecodable: { httpStatus: 400, rpcCode: rpcCode.invalidArgument },
  fragmented: { httpStatus: 400, rpcCode: rpcCode.invalidArgument },
  too_large: { httpStatus: 413, rpcCode: rpcCode.resourceExhausted },
  memory_full: { httpStatus: 503, rpcCode: rpcCode.unavailable },
  journal_full: { httpStatus: 503, rpcCode: rpcCode.unavailable },
  journal_unavailable: { httpStatus: 503, rpcCode: rpcCode.unavailable },
  slow: { httpStatus: 408, rpcCode: rpcCode.deadlineExceeded },
  // Nobody reads these answers; the numbers stand in the counter.
  client_left: { httpStatus: 499, rpcCode: rpcCode.cancelled },
  internal: { httpStatus: 500, rpcCode: rpcCode.internal },
};

const retryAfterDefaultMs = 1_000;

/** What a failure means to the client. */
export function refusalOf(error: unknown): Refusal {
  const unexpected = refuse("internal", "the collector failed; its log says why");
  if (!(error instanceof CollectorError)) return unexpected;
  const { code, message, retryAfterMs = retryAfterDefaultMs } = error;
  if (code === "QUARTET_OTLP_INVALID") return refuse("undecodable", message);
  if (code === "QUARTET_SNAPPY_INVALID" || code === "QUARTET_SERIES_INVALID")
    return refuse("undecodable", message);
  if (code === "QUARTET_RECORD_TOO_LARGE") return refuse("too_large", `${message}; send smaller batches`);
  if (code === "QUARTET_OTLP_TOO_LARGE") return refuse("too_large", message);
  if (code === "QUARTET_JOURNAL_FULL") return refuse("journal_full", message, retryAfterMs);
  if (code === "QUARTET_JOURNAL_UNAVAILABLE") return refuse("journal_unavailable", message, retryAfterMs);
  return unexpected;
}
