import type { JournalRecord } from "../model/index.ts";
import type { ExportResponse } from "./transport.ts";
import { ProxyRefusedError } from "./tunnel.ts";

/** Why a consumer is paused: somebody has to mend something, and nothing is given up meanwhile. */
export type PauseReason = "unauthorized" | "not_found" | "tls" | "dns" | "unexpected_status";

/** One item of a record that the back end refuses for good, while it takes others. */
export interface ItemDeadLetter {
  readonly record: JournalRecord;
  /** Its place among the record's items, from 0. */
  readonly index: number;
  /** The item alone in the form of the record's payload (an OTLP request with one log record, say), so that it can be replayed. */
  readonly payload: Uint8Array;
  /** "refused" when not given. */
  readonly reason?: "refused" | "too_large";
  /** What the back end said. */
  readonly message: string;
}

export interface Accepted {
  readonly kind: "accepted";
  /** Items that the back end says it rejected, without saying which; 0 with a message is a warning. */
  readonly rejectedCount: number;
  readonly message: string;
  /** Items to be kept as dead letters, each by itself. */
  readonly deadLetters?: readonly ItemDeadLetter[];
  /** Items that are gone for a known reason (out of order, say), counted as dropped. */
  readonly dropped?: readonly { readonly reason: string; readonly itemCount: number }[];
}

/** What came of one attempt. Messages are short and fit for a log. */
export type Outcome =
  | Accepted
  | { readonly kind: "retryable"; readonly message: string; readonly retryAfterMs: number | undefined }
  | {
      readonly kind: "paused";
      readonly reason: PauseReason;
      readonly message: string;
      readonly retryAfterMs: number | undefined;
    }
  /** Half of it may pass; one record alone becomes a dead letter. */
  | { readonly kind: "too_large"; readonly message: string }
  /** Something in it will never be taken; the batch is halved until that is found, which becomes a dead letter. */
  | { readonly kind: "refused"; readonly message: string };

/** A server that asks for more than a day is broken. */
const retryAfterMsMax = 86_400_000;

/**
 * What an HTTP answer means when its status is none of 2xx, and no better is known about this kind of back end.
 * @see OTLP specification, "OTLP/HTTP Response": 429, 502, 503 and 504 may be retried, 400 never.
 */
export function outcomeOfFailure(response: ExportResponse, nowMs: number): Outcome {
  const { statusCode } = response;
  const message = describeResponse(response);
  const retryAfterMs = parseRetryAfter(response.headers["retry-after"], nowMs);
  switch (statusCode) {
    case 429:
    case 502:
    case 503:
    case 504:
      return { kind: "retryable", message, retryAfterMs };
    case 400:
    case 422:
      return { kind: "refused", message };
    case 413:
      return { kind: "too_large", message };
    case 401:
    case 403:
    case 407:
      return { kind: "paused", reason: "unauthorized", message, retryAfterMs };
    case 404:
      return { kind: "paused", reason: "not_found", message, retryAfterMs };
    default:
      // The specification would let us drop these. What is in the journal can wait until somebody has looked.
      return { kind: "paused", reason: "unexpected_status", message, retryAfterMs };
  }
}

/** What it means that no answer came. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof ProxyRefusedError) return outcomeOfProxy(error);
  const { code = "", message: text } = error as NodeJS.ErrnoException;
  const message = code === "" || text.includes(code) ? text : `${text} (${code})`;
  // EAI_AGAIN is the resolver's own trouble and passes; ENOTFOUND means a name that does not exist.
  if (code === "ENOTFOUND") return { kind: "paused", reason: "dns", message, retryAfterMs: undefined };
  if (isTlsCode(code)) return { kind: "paused", reason: "tls", message, retryAfterMs: undefined };
  return { kind: "retryable", message, retryAfterMs: undefined };
}

/** The proxy's own words about the way to the back end; a batch is never to blame for them. */
function outcomeOfProxy({ statusCode, message }: ProxyRefusedError): Outcome {
  const retryAfterMs = undefined;
  // 502 and 504: it does not reach the back end (RFC 9110).
  if (statusCode === 429 || statusCode >= 500) return { kind: "retryable", message, retryAfterMs };
  const isForbidden = statusCode === 401 || statusCode === 403 || statusCode === 407;
  return {
    kind: "paused",
    reason: isForbidden ? "unauthorized" : "unexpected_status",
    message,
    retryAfterMs,
  };
}

/** Codes of OpenSSL's certificate checks as Node names them, and of a handshake with something that is no TLS server. */
function isTlsCode(code: string): boolean {
  return /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/.test(
    code,
  );
}

/** Seconds or an HTTP date, in milliseconds from now; undefined when it is neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const waitMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  if (Number.isNaN(waitMs)) return undefined;
  return Math.min(Math.max(0, waitMs), retryAfterMsMax);
}

/** Status and beginning of the body as one short printable line: the message of a protobuf Status (field 2), or a text. */
export function describeResponse({ statusCode, headers, body }: ExportResponse): string {
  const text = body
    .subarray(0, 4_096)
    .toString("utf8")
    .replaceAll(/[^\P{Cc}\n]/gu, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  const isStatus = headers["content-type"]?.startsWith("application/x-protobuf") === true;
  return `${statusCode} ${(isStatus ? text.replace(/^\W+/, "") : text).slice(0, 300)}`.trim();
}
