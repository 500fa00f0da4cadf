import type { Clock } from "../../model/index.ts";
import { encodeRequest } from "../../otlp/index.ts";
import { isKnownEncoding, knownEncodings } from "../body.ts";
import { encodingOf, mediaTypeOf } from "../headers.ts";
import type { Intake } from "../intake.ts";
import { refusalMeaning, refuse } from "../outcome.ts";
import { retryAfter, type ForeignProtocol } from "./protocol.ts";
import { buildTracesRequest } from "./zipkin-span.ts";

interface ZipkinSettings {
  readonly intake: Intake;
  readonly clock: Clock;
}

/** Zipkin v2 JSON, as OTLP spans. @see Zipkin API v2, "POST /spans" */
export function createZipkin({ intake, clock }: ZipkinSettings): ForeignProtocol {
  return {
    name: "zipkin",
    signal: "spans",
    isSnappy: () => false,
    refuseEarly(headers) {
      const mediaType = mediaTypeOf(headers);
      // Older clients do not say.
      if (mediaType !== "" && mediaType !== "application/json") {
        return refuse(
          "content_type",
          `the content type ${mediaType} is not application/json; set the client to JSON`,
        );
      }
      const encoding = encodingOf(headers);
      if (isKnownEncoding(encoding)) return undefined;
      return refuse("encoding", `the content encoding ${encoding} is none of ${knownEncodings.join(", ")}`);
    },
    async accept(body) {
      const request = encodeRequest("spans", buildTracesRequest(body, clock.nowMs()));
      const outcome = await intake.accept("spans", "application/x-protobuf", request);
      if (outcome.kind === "refused") return outcome;
      // Zipkin has no success in part; what was rejected is counted.
      return { kind: "answer", status: 202, headers: { "content-length": "0" }, body: "" };
    },
    answerRefusal(refusal) {
      const { reason, message } = refusal;
      return {
        kind: "answer",
        status: refusalMeaning[reason].httpStatus,
        headers: {
          "content-type": "text/plain; charset=utf-8",
          ...retryAfter(refusal),
          ...(reason === "method" ? { allow: "POST" } : {}),
          ...(reason === "unauthenticated" ? { "www-authenticate": "Bearer" } : {}),
        },
        body: `${message}\n`,
      };
    },
  };
}
