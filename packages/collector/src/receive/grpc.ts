import {
  constants,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type OutgoingHttpHeaders,
} from "node:http2";
import { encodeExportResponse, encodeRetryStatus, type OtlpSignal } from "../otlp/index.ts";
import type { Room } from "./admission.ts";
import { isKnownEncoding, knownEncodings, readBody, unpackBody, type Body } from "./body.ts";
import {
  announcedFrameBytes,
  buildFrame,
  encodeGrpcMessage,
  framePrefixBytes,
  parseFrame,
} from "./grpc-frame.ts";
import type { HandlerSettings } from "./http.ts";
import { refusalMeaning, refuse, rpcCode, type Outcome, type Refusal } from "./outcome.ts";

const service = (signal: string, name: string) =>
  `/opentelemetry.proto.collector.${signal}.v1.${name}Service/Export`;
const signals = new Map<string, OtlpSignal>([
  [service("trace", "Trace"), "spans"],
  [service("logs", "Logs"), "logs"],
  [service("metrics", "Metrics"), "metrics"],
]);
const tokenHint = "as metadata: authorization: Bearer …";
/** A longer one may pass the limit that clients have for headers, 8 KiB. */
const grpcMessageLengthMax = 1_024;

export type GrpcHandler = (request: Http2ServerRequest, response: Http2ServerResponse) => Promise<void>;

/** Whether the request is a gRPC call, whose errors are trailers and not HTTP statuses. */
export function isGrpc(contentType: string | undefined): boolean {
  return /^application\/grpc(\+proto)?\s*(;|$)/i.test(contentType ?? "");
}

/**
 * OTLP over gRPC: unary calls. OK goes out only after the batch was journaled and synced.
 * @see gRPC over HTTP/2, and OTLP specification 1.11, "OTLP/gRPC"
 */
export function createGrpcHandler(settings: HandlerSettings): GrpcHandler {
  const { requestSizeBytesMax, requestTimeoutMs, admission, blocks, intake, metrics, clock } = settings;

  function refuseEarly({ method, headers, url }: Http2ServerRequest): Refusal | undefined {
    if (method !== "POST") return refuse("method", `gRPC calls are POST, not ${method}`);
    if (!signals.has(url))
      return refuse("not_found", `there is no method ${url}; there are ${[...signals.keys()].join(", ")}`);
    const encoding = encodingOf(headers);
    if (!isKnownEncoding(encoding)) {
      return refuse("encoding", `the encoding ${encoding} is none of ${knownEncodings.join(", ")}`);
    }
    return undefined;
  }

  async function readMessage(request: Http2ServerRequest, room: Room): Promise<Body> {
    const shared = { room, blocks, timeoutMs: requestTimeoutMs, clock };
    const sizeBytesMax = requestSizeBytesMax + framePrefixBytes;
    const body = await readBody(request, {
      ...shared,
      encoding: "identity",
      sizeBytesMax,
      announced: announcedFrameBytes,
    });
    if (body.kind === "refused") return body;
    const frame = parseFrame(body.bytes);
    if (frame.kind === "refused") return frame;
    if (!frame.isCompressed) return { kind: "read", bytes: frame.message };
    const encoding = encodingOf(request.headers);
    if (encoding === "" || encoding === "identity") {
      return refuse(
        "undecodable",
        "the message is marked as compressed, but grpc-encoding names no encoding",
      );
    }
    return unpackBody(frame.message, { ...shared, encoding, sizeBytesMax: requestSizeBytesMax });
  }

  async function answer(request: Http2ServerRequest): Promise<Outcome> {
    const early = refuseEarly(request);
    if (early !== undefined) return early;
    const admitted = admission.admit(request.headers, request.socket, tokenHint);
    if (admitted.kind === "refused") return admitted;
    const signal = signals.get(request.url)!;
    const room = admitted.open(signal);
    try {
      const message = await readMessage(request, room);
      if (message.kind === "refused") return message;
      admitted.spend(message.bytes.length);
      const outcome = await intake.accept(signal, "application/x-protobuf", message.bytes);
      blocks.give(message.bytes);
      return outcome;
    } finally {
      room.release();
    }
  }

  return async (request, response) => {
    const { stream } = response;
    const outcome = await answer(request);
    const signal = signals.get(request.url) ?? "none";
    const code = outcome.kind === "accepted" ? rpcCode.ok : refusalMeaning[outcome.reason].rpcCode;
    metrics.requests.add({ signal, protocol: "grpc", code: String(code) });
    if (outcome.kind === "refused") metrics.refusedRequests.add({ signal, reason: outcome.reason });
    if (stream.destroyed || stream.closed) return;
    if (outcome.kind === "refused") {
      stream.respond({ ":status": 200, ...responseHeaders, ...trailersOf(outcome) }, { endStream: true });
      // The client may still be sending: the answer is whole, so it can stop.
      if (!request.complete) stream.close(constants.NGHTTP2_NO_ERROR);
      return;
    }
    response.writeHead(200, responseHeaders);
    response.addTrailers({ "grpc-status": String(rpcCode.ok) });
    response.end(buildFrame(encodeExportResponse(outcome.signal, "application/x-protobuf", outcome.partial)));
  };
}

const responseHeaders: OutgoingHttpHeaders = {
  "content-type": "application/grpc",
  "grpc-accept-encoding": knownEncodings.join(","),
};

/** Status, message, and RetryInfo where trying again helps. */
function trailersOf({ reason, message, retryAfterMs }: Refusal): OutgoingHttpHeaders {
  const code = refusalMeaning[reason].rpcCode;
  const trailers: OutgoingHttpHeaders = {
    "grpc-status": String(code),
    "grpc-message": encodeGrpcMessage(message.slice(0, grpcMessageLengthMax).toWellFormed()),
  };
  if (retryAfterMs !== undefined) {
    const details = encodeRetryStatus({
      code,
      message: message.slice(0, grpcMessageLengthMax),
      retryAfterMs,
    });
    // Binary metadata is base64; the padding is left out.
    trailers["grpc-status-details-bin"] = details.toString("base64").replace(/=+$/, "");
  }
  return trailers;
}

function encodingOf(headers: Http2ServerRequest["headers"]): string {
  const encoding = headers["grpc-encoding"];
  return (typeof encoding === "string" ? encoding : "").trim().toLowerCase();
}
