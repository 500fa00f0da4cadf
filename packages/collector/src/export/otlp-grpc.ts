import type { Clock, Signal } from "../model/index.ts";
import type { BackEnd } from "./back-end.ts";
import { compressBody, type Compression } from "./compress.ts";
import type { GrpcChannel } from "./grpc-channel.ts";
import type { GrpcAnswer } from "./grpc-link.ts";
import { grpcCode, outcomeOfGrpcStatus, parseGrpcStatus } from "./grpc-status.ts";
import { outcomeOfError, outcomeOfFailure, type Outcome } from "./outcome.ts";
import { parseExportResponse } from "./partial-success.ts";

export interface OtlpGrpcSettings {
  readonly signal: Signal;
  readonly compression: Compression;
  readonly channel: GrpcChannel;
  readonly clock: Clock;
  /** How many calls may be under way at once; 1, the journal's order, when not given. */
  readonly requestCountMax?: number;
}

const serviceNames: Readonly<Record<Signal, string>> = {
  traces: "trace.v1.TraceService",
  logs: "logs.v1.LogsService",
  metrics: "metrics.v1.MetricsService",
};

/** Compressed flag and length before each message. @see gRPC over HTTP/2, "Length-Prefixed-Message" */
const prefixSizeBytes = 5;

/**
 * OTLP over gRPC: one unary call a batch, the original bytes of the records as one message. A compression that the server does
 * not know is left off from then on.
 * @see OTLP specification, "OTLP/gRPC"
 */
export function createOtlpGrpcBackEnd(settings: OtlpGrpcSettings): BackEnd {
  const { signal, compression, channel, clock, requestCountMax = 1 } = settings;
  const path = `/opentelemetry.proto.collector.${serviceNames[signal]}/Export`;
  let known: Compression = compression;
  return {
    url: channel.url,
    requestCountMax,
    async encode(records) {
      const pieces = records.map(({ payload }) => payload);
      let encoding = known;
      let body = await encodeMessage(pieces, encoding);
      const attempt = async (aborted: AbortSignal): Promise<Outcome> => {
        if (encoding !== known) body = await encodeMessage(pieces, (encoding = known));
        try {
          const headers: Record<string, string> = encoding === "none" ? {} : { "grpc-encoding": encoding };
          const answer = await channel.call({ path, headers, body, signal: aborted });
          if (encoding !== "none" && isUnknownEncoding(answer, encoding)) {
            known = "none";
            return await attempt(aborted);
          }
          return outcomeOfAnswer(answer, clock.nowMs());
        } catch (error) {
          return outcomeOfError(error);
        }
      };
      return { attempt };
    },
    close: () => undefined,
  };
}

async function encodeMessage(
  pieces: readonly Uint8Array[],
  compression: Compression,
): Promise<readonly Uint8Array[]> {
  const message = await compressBody(pieces, compression);
  const prefix = Buffer.alloc(prefixSizeBytes);
  prefix.writeUInt8(compression === "none" ? 0 : 1, 0);
  prefix.writeUInt32BE(
    message.reduce((sum, { length }) => sum + length, 0),
    1,
  );
  return [prefix, ...message];
}

/** @see gRPC, "Compression": a server that lacks the method answers UNIMPLEMENTED and lists those that it has. */
function isUnknownEncoding({ headers }: GrpcAnswer, encoding: Compression): boolean {
  const status = parseGrpcStatus(headers);
  if (status?.code !== grpcCode.unimplemented) return false;
  const accepted = headers["grpc-accept-encoding"];
  if (typeof accepted === "string") return !accepted.split(",").some((one) => one.trim() === encoding);
  return status.message.includes(encoding);
}

function outcomeOfAnswer({ statusCode, headers, body }: GrpcAnswer, nowMs: number): Outcome {
  const status = parseGrpcStatus(headers);
  if (status === undefined) return outcomeWithoutStatus({ statusCode, headers, body }, nowMs);
  if (status.code !== grpcCode.ok) return outcomeOfGrpcStatus(status);
  // An OK whose message cannot be read is still an OK: sending it all again would make duplicates for ever.
  const isPlain = body.length >= prefixSizeBytes && body[0] === 0;
  const { rejectedCount = 0, message = "" } =
    (isPlain ? parseExportResponse(body.subarray(prefixSizeBytes)) : undefined) ?? {};
  return { kind: "accepted", rejectedCount, message };
}

/** The answer of something in between, or one that was cut off. @see gRPC, "HTTP to gRPC Status Code Mapping" */
function outcomeWithoutStatus({ statusCode, headers, body }: GrpcAnswer, nowMs: number): Outcome {
  if (statusCode === 200)
    return { kind: "retryable", message: "the answer ended without a status", retryAfterMs: undefined };
  const outcome = outcomeOfFailure({ statusCode, headers, body, isCut: false }, nowMs);
  // Whoever answered did not read the batch, so it is not to blame.
  if (outcome.kind !== "refused" && outcome.kind !== "too_large") return outcome;
  const { message } = outcome;
  return { kind: "paused", reason: "unexpected_status", message, retryAfterMs: undefined };
}
