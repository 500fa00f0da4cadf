import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Clock } from "../model/index.ts";
import { encodeExportResponse, encodeStatus, type OtlpContentType, type OtlpSignal } from "../otlp/index.ts";
import type { Admission } from "./admission.ts";
import type { Blocks } from "./blocks.ts";
import { isKnownEncoding, knownEncodings, readBody, refuseTooLarge } from "./body.ts";
import type { Cors } from "./cors.ts";
import { drain } from "./drain.ts";
import { contentLengthOf, encodingOf, mediaTypeOf } from "./headers.ts";
import type { Intake } from "./intake.ts";
import { refusalMeaning, refuse, type Outcome, type Refusal } from "./outcome.ts";
import type { ReceiveMetrics } from "./telemetry.ts";

export interface HandlerSettings {
  readonly requestSizeBytesMax: number;
  /** How long a body may take to arrive. */
  readonly requestTimeoutMs: number;
  readonly admission: Admission;
  /** Where bodies lie until they are journaled. */
  readonly blocks: Blocks;
  readonly cors: Cors;
  readonly intake: Intake;
  readonly metrics: ReceiveMetrics;
  readonly clock: Clock;
  /** Clients are then asked to open no further request on their connection. */
  readonly isStopping: () => boolean;
}

/** HTTP/1.1, or HTTP/2 through the same interface. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;
export type HttpResponse = ServerResponse | Http2ServerResponse;
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => Promise<void>;

const signals = new Map<string, OtlpSignal>([
  ["/v1/traces", "spans"],
  ["/v1/logs", "logs"],
  ["/v1/metrics", "metrics"],
]);

interface Answered {
  readonly outcome: Outcome;
  readonly signal: OtlpSignal | undefined;
  readonly contentType: OtlpContentType;
}

/**
 * OTLP over HTTP. A request is answered 200 only after it was journaled and synced; every other answer has a `Status` for a body.
 * @see OTLP specification 1.11, "OTLP/HTTP"
 */
export function createHttpHandler(settings: HandlerSettings): HttpHandler {
  const { requestSizeBytesMax, requestTimeoutMs, admission, blocks, cors, intake, metrics, clock } = settings;

  /** What the first line and the headers say already; undefined when the body is wanted. */
  function refuseEarly({ headers, method }: HttpRequest, path: string): Refusal | undefined {
    if (!signals.has(path))
      return refuse("not_found", `there is nothing at ${path}; use ${[...signals.keys()].join(", ")}`);
    if (method === "OPTIONS" && headers.origin !== undefined) {
      const message = `pages of ${headers.origin} may not send here; add it to receive.otlp.cors_origins`;
      return refuse("origin", message);
    }
    if (method !== "POST") return refuse("method", `${method} is not served here; use POST`);
    const mediaType = mediaTypeOf(headers);
    if (mediaType !== "application/x-protobuf" && mediaType !== "application/json") {
      return refuse(
        "content_type",
        `the content type ${mediaType || "(none)"} is none of application/x-protobuf, application/json`,
      );
    }
    const encoding = encodingOf(headers);
    if (!isKnownEncoding(encoding)) {
      return refuse("encoding", `the content encoding ${encoding} is none of ${knownEncodings.join(", ")}`);
    }
    const isPlain = encoding === "" || encoding === "identity";
    if (isPlain && (contentLengthOf(headers) ?? 0) > requestSizeBytesMax)
      return refuseTooLarge(requestSizeBytesMax);
    return undefined;
  }

  async function answer(request: HttpRequest, response: HttpResponse): Promise<Answered> {
    const path = pathOf(request.url ?? "");
    const signal = signals.get(path);
    // Who asks with another type is a person with a browser or curl, as likely as not.
    const contentType =
      mediaTypeOf(request.headers) === "application/x-protobuf"
        ? "application/x-protobuf"
        : "application/json";
    const early = refuseEarly(request, path);
    if (early !== undefined || signal === undefined) return { outcome: early!, signal, contentType };
    const admitted = admission.admit(request.headers, request.socket, "as Authorization: Bearer …");
    if (admitted.kind === "refused") return { outcome: admitted, signal, contentType };
    if (/100-continue/i.test(request.headers.expect ?? "")) response.writeContinue();
    const room = admitted.open(signal);
    try {
      const body = await readBody(request, {
        encoding: encodingOf(request.headers),
        sizeBytesMax: requestSizeBytesMax,
        announced: () => contentLengthOf(request.headers),
        room,
        blocks,
        timeoutMs: requestTimeoutMs,
        clock,
      });
      if (body.kind === "refused") return { outcome: body, signal, contentType };
      admitted.spend(body.bytes.length);
      let isGivenBack = false;
      const giveBack = () => {
        if (!isGivenBack) blocks.give(body.bytes);
        isGivenBack = true;
      };
      const outcome = await intake.accept(signal, contentType, body.bytes, { grow: room.grow, giveBack });
      // The journal has written it, or will not: nobody looks at it any more.
      giveBack();
      return { outcome, signal, contentType };
    } finally {
      room.release();
    }
  }

  /** Whether a browser only asked if the page may send; then it has its answer. */
  function isPreflight({ method, headers, url }: HttpRequest, response: HttpResponse): boolean {
    const signal = signals.get(pathOf(url ?? ""));
    const isAsking = method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
    const permission = isAsking && signal !== undefined ? cors.preflightHeaders(headers) : undefined;
    if (permission === undefined) return false;
    metrics.requests.add({ signal: signal!, protocol: "http", code: "204" });
    writeAnswer(response, { status: 204, headers: permission, body: Buffer.alloc(0) });
    return true;
  }

  return async (request, response) => {
    if (isPreflight(request, response)) return;
    const { outcome, signal, contentType } = await answer(request, response);
    const { status, headers, body } = render(outcome, contentType);
    metrics.requests.add({ signal: signal ?? "none", protocol: "http", code: String(status) });
    if (outcome.kind === "refused") {
      metrics.refusedRequests.add({ signal: signal ?? "none", reason: outcome.reason });
    }
    if (response.destroyed) return;
    const isSlow = outcome.kind === "refused" && outcome.reason === "slow";
    const mustClose = request.httpVersionMajor === 1 && (isSlow || settings.isStopping());
    const allHeaders = {
      "content-type": contentType,
      "content-length": String(body.length),
      ...headers,
      ...cors.answerHeaders(request.headers.origin),
      ...(mustClose ? { connection: "close" } : {}),
    };
    writeAnswer(response, { status, headers: allHeaders, body });
    if (isSlow) response.once("finish", () => request.destroy());
    else if (!request.complete) drain(request, settings);
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function writeAnswer(response: HttpResponse, { status, headers, body }: Answer): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // Without a body it is one write to the socket instead of two.
  if (body.length === 0) response.end();
  else response.end(body);
}

function render(outcome: Outcome, contentType: OtlpContentType): Answer {
  if (outcome.kind === "accepted") {
    return {
      status: 200,
      headers: {},
      body: encodeExportResponse(outcome.signal, contentType, outcome.partial),
    };
  }
  const { reason, message, retryAfterMs } = outcome;
  const { httpStatus, rpcCode } = refusalMeaning[reason];
  const headers: Record<string, string> = {};
  if (retryAfterMs !== undefined)
    headers["retry-after"] = String(Math.max(1, Math.ceil(retryAfterMs / 1_000)));
  if (reason === "method") headers["allow"] = "POST";
  if (reason === "unauthenticated") headers["www-authenticate"] = "Bearer";
  if (reason === "encoding") headers["accept-encoding"] = knownEncodings.join(", ");
  return { status: httpStatus, headers, body: encodeStatus(contentType, { code: rpcCode, message }) };
}

/** The path of a request target; the absolute form, which proxies send, has the host before it. */
function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/]*/i, "");
  return path.split("?", 1)[0]!;
}
