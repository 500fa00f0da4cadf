import type { Clock } from "../../model/index.ts";
import { encodeRequest } from "../../otlp/index.ts";
import { isKnownEncoding } from "../body.ts";
import { encodingOf, mediaTypeOf } from "../headers.ts";
import type { Intake } from "../intake.ts";
import { refusalMeaning, refuse } from "../outcome.ts";
import { parseLokiPush } from "./loki-json.ts";
import { buildLogsRequest } from "./loki-logs.ts";
import { decodeLokiPush } from "./loki-protobuf.ts";
import { retryAfter, type ForeignProtocol } from "./protocol.ts";

interface LokiSettings {
  readonly intake: Intake;
  readonly clock: Clock;
}

const partsMax = 500_000;
const json = "application/json";
const plainText = { "content-type": "text/plain; charset=utf-8" };

/**
 * Loki's push, JSON or protobuf, as OTLP logs.
 * @see Grafana Loki HTTP API, "Ingest logs"
 */
export function createLoki({ intake, clock }: LokiSettings): ForeignProtocol {
  return {
    name: "loki",
    signal: "logs",
    // Clients of protobuf say nothing of snappy in Content-Encoding.
    isSnappy: (headers) => mediaTypeOf(headers) !== json,
    refuseEarly(headers) {
      const mediaType = mediaTypeOf(headers);
      if (mediaType !== json && mediaType !== "application/x-protobuf")
        return refuse(
          "content_type",
          `the content type ${mediaType || "(none)"} is none of ${json}, application/x-protobuf`,
        );
      const encoding = encodingOf(headers);
      const isFit = mediaType === json ? isKnownEncoding(encoding) : encoding === "" || encoding === "snappy";
      return isFit
        ? undefined
        : refuse("encoding", `the content encoding ${encoding} is not taken with ${mediaType}`);
    },
    async accept(body, headers) {
      const streams = mediaTypeOf(headers) === json ? parseLokiPush(body) : decodeLokiPush(body, partsMax);
      const request = buildLogsRequest(streams, BigInt(clock.nowMs()) * 1_000_000n);
      const outcome = await intake.accept("logs", "application/x-protobuf", encodeRequest("logs", request));
      if (outcome.kind === "refused") return outcome;
      if (outcome.partial === undefined) return { kind: "answer", status: 204, headers: {}, body: "" };
      const { rejectedCount, message } = outcome.partial;
      // Loki has no success in part: what could be taken is kept all the same.
      return {
        kind: "answer",
        status: 400,
        headers: plainText,
        body: `${rejectedCount} entries were refused: ${message}\n`,
      };
    },
    answerRefusal(refusal) {
      return {
        kind: "answer",
        status: refusalMeaning[refusal.reason].httpStatus,
        headers: { ...plainText, ...retryAfter(refusal) },
        body: `${refusal.message}\n`,
      };
    },
  };
}
