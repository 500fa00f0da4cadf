import type { WriteCounts } from "../otlp/index.ts";
import { describeResponse, outcomeOfFailure, type Outcome } from "./outcome.ts";
import type { ExportResponse } from "./transport.ts";

/** The receiver does not read 2.0, as it says or as its answer shows. */
export interface NotSpoken {
  readonly kind: "not_spoken";
  /** False for a 400, which a 2.0 receiver may send as well when a proxy takes its headers away. */
  readonly isCertain: boolean;
  readonly message: string;
}

type DropReason = "out_of_order" | "too_old" | "duplicate";

/** Prometheus' words for samples that come too late to be taken, and what others made of them. */
const lateness: readonly (readonly [DropReason, RegExp])[] = [
  ["duplicate", /duplicate sample|duplicate timestamp/i],
  ["too_old", /too old|out of bounds|too far (behind|in the past)/i],
  ["out_of_order", /out[- ]of[- ]order|older than/i],
];

/**
 * What an answer to a 2.0 request means.
 * @see Prometheus remote write 2.0 specification, "Required Written Response Headers" and "Partial Write"
 */
export function answerToV2(response: ExportResponse, sent: WriteCounts, nowMs: number): Outcome | NotSpoken {
  const { statusCode } = response;
  const message = describeResponse(response);
  const written = writtenCount(response);
  const missingCount = Math.max(0, sent.samples + sent.histograms - (written ?? 0));
  if (statusCode >= 200 && statusCode < 300) {
    // Missing headers mean that nothing was written: what 1.x reads of a 2.0 message is an empty request.
    if (written === undefined) return { kind: "not_spoken", isCertain: true, message };
    return {
      kind: "accepted",
      rejectedCount: missingCount,
      message: missingCount > 0 ? `${missingCount} samples are missing among those written` : "",
    };
  }
  if (statusCode === 415) return { kind: "not_spoken", isCertain: true, message };
  if (statusCode !== 400 && statusCode !== 422) return failure(response, nowMs);
  if (written === undefined) return { kind: "not_spoken", isCertain: false, message };
  // Only exemplars were refused.
  if (missingCount === 0) return { kind: "accepted", rejectedCount: 0, message };
  const dropped = latenessOf(response, missingCount);
  return dropped === undefined
    ? { kind: "refused", message }
    : { kind: "accepted", rejectedCount: 0, message, dropped };
}

/**
 * What an answer to a 1.0 request means. Such a receiver writes all of a request or, at the first sample that it refuses, as
 * Prometheus does, nothing: so a refusal concerns the samples only when they came in one record.
 */
export function answerToV1(
  response: ExportResponse,
  sent: { readonly sampleCount: number; readonly recordCount: number },
  nowMs: number,
): Outcome {
  const { statusCode } = response;
  const message = describeResponse(response);
  if (statusCode >= 200 && statusCode < 300) return { kind: "accepted", rejectedCount: 0, message: "" };
  if (statusCode !== 400 && statusCode !== 422) return failure(response, nowMs);
  const dropped = sent.recordCount === 1 ? latenessOf(response, sent.sampleCount) : undefined;
  return dropped === undefined
    ? { kind: "refused", message }
    : { kind: "accepted", rejectedCount: 0, message, dropped };
}

/** Remote write, "Retries & Backoff": every 5xx is to be tried again. */
function failure(response: ExportResponse, nowMs: number): Outcome {
  const outcome = outcomeOfFailure(response, nowMs);
  if (response.statusCode < 500 || outcome.kind !== "paused") return outcome;
  const { message, retryAfterMs } = outcome;
  return { kind: "retryable", message, retryAfterMs };
}

/** Samples and histograms that a 2.0 receiver says it has written; undefined when it says nothing. */
function writtenCount({ headers }: ExportResponse): number | undefined {
  const values = ["samples", "histograms", "exemplars"].map((kind) => {
    const text = headers[`x-prometheus-remote-write-${kind}-written`];
    return typeof text === "string" && /^\d+$/.test(text.trim()) ? Number(text) : undefined;
  });
  if (values.every((value) => value === undefined)) return undefined;
  return (values[0] ?? 0) + (values[1] ?? 0);
}

/** Shares out the samples that were not written among the reasons given, one a line; undefined when there is another reason. */
function latenessOf(
  { body }: ExportResponse,
  itemCount: number,
): { reason: DropReason; itemCount: number }[] | undefined {
  const lineCounts = new Map<DropReason, number>();
  for (const line of body.toString("utf8").split("\n")) {
    if (line.trim() === "" || /exemplar/i.test(line.slice(0, 40))) continue;
    const reason = lateness.find(([, pattern]) => pattern.test(line))?.[0];
    if (reason === undefined) return undefined;
    lineCounts.set(reason, (lineCounts.get(reason) ?? 0) + 1);
  }
  if (lineCounts.size === 0) return undefined;
  const [most, ...others] = [...lineCounts].sort(([, a], [, b]) => b - a);
  const dropped: { reason: DropReason; itemCount: number }[] = [];
  let rest = itemCount;
  for (const [reason, lineCount] of others) {
    dropped.push({ reason, itemCount: Math.min(lineCount, rest) });
    rest -= Math.min(lineCount, rest);
  }
  // The text may be cut, or name only the first of them.
  return [{ reason: most![0], itemCount: rest }, ...dropped];
}
