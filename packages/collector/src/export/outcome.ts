import { parseExportResponse } from "./partial-success.ts";
import type { ExportResponse } from "./transport.ts";

/** Why a consumer is paused: somebody has to mend something, and nothing is given up meanwhile. */
export type PauseReason = "unauthorized" | "not_found" | "tls" | "dns" | "unexpected_status";

/** What came of one attempt. */
export type Outcome =
  | { readonly kind: "accepted"; readonly rejectedCount: number; readonly message: string }
  | { readonly kind: "retryable"; readonly message: string; readonly retryAfterMs: number | undefined }
  | {
      readonly kind: "paused";
      readonly reason: PauseReason;
      readonly message: string;
      readonly retryAfterMs: number | undefined;
    }
  | { readonly kind: "too_large"; readonly message: string }
  | { readonly kind: "refused"; readonly statusCode: number; readonly message: string };

/** A server that asks for more than a day is broken. */
const retryAfterMsMax = 86_400_000;

/**
 * What a server's answer means.
 * @see OTLP specification, "OTLP/HTTP Response": 429, 502, 503 and 504 may be retried, 400 never.
 */
export function outcomeOfResponse(response: ExportResponse, nowMs: number): Outcome {
  const { statusCode } = response;
  const message = `${statusCode} ${describeBody(response)}`.trim();
  const retryAfterMs = parseRetryAfter(response.retryAfter, nowMs);
  if (statusCode >= 200 && statusCode < 300) {
    // A 2xx that cannot be read is still a 2xx: sending it all again would make duplicates for ever.
    const { rejectedCount, message: reason } = parseExportResponse(response.body) ?? {
      rejectedCount: 0,
      message: "",
    };
    return { kind: "accepted", rejectedCount, message: reason };
  }
  switch (statusCode) {
    case 429:
    case 502:
    case 503:
    case 504:
      return { kind: "retryable", message, retryAfterMs };
    case 400:
    case 422:
      return { kind: "refused", statusCode, message };
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
  const { code = "", message: text } = error as NodeJS.ErrnoException;
  const message = code === "" || text.includes(code) ? text : `${text} (${code})`;
  // EAI_AGAIN is the resolver's own trouble and passes; ENOTFOUND means a name that does not exist.
  if (code === "ENOTFOUND") return { kind: "paused", reason: "dns", message, retryAfterMs: undefined };
  if (isTlsCode(code)) return { kind: "paused", reason: "tls", message, retryAfterMs: undefined };
  return { kind: "retryable", message, retryAfterMs: undefined };
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

/** The message of a protobuf Status (field 2), or the beginning of a text. */
function describeBody({ body, contentType }: ExportResponse): string {
  const text = body
    .toString("utf8")
    .replaceAll(/[^\P{Cc}\n]/gu, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  return (contentType.startsWith("application/x-protobuf") ? text.replace(/^\W+/, "") : text).slice(0, 300);
}
