import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CollectorError, hasCode, isAuthorized, type Clock, type JournalBatch } from "../model/index.ts";
import {
  encodeExportResponse,
  encodeStatus,
  inspectRequest,
  transcodeJson,
  type OtlpContentType,
} from "../otlp/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import { isKnownEncoding, readBody } from "./body.ts";

export type Signal = "spans" | "logs" | "metrics";

export interface ReceiverSettings {
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** Bound of one request after decompression. */
  readonly requestSizeBytesMax: number;
  /** Bound of all requests under way together; default four of the largest. */
  readonly inFlightBytesMax?: number;
  /** Empty = no token needed. */
  readonly tokens: () => readonly string[];
  /** Resolves when the batch is synced. */
  readonly append: (signal: Signal, batch: JournalBatch) => Promise<unknown>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

export interface OtlpReceiver {
  /** Resolves with host:port of every listener, port 0 replaced. @throws CollectorError QUARTET_ADDRESS_IN_USE */
  start(): Promise<readonly string[]>;
  /** Accepts nothing new, waits for what is under way until the deadline, then cuts it off. Safe to call twice. */
  stop(options: { readonly deadlineMs: number }): Promise<void>;
}

/** What goes back to the client. */
interface Answer {
  readonly statusCode: number;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

const signals: Readonly<Record<string, Signal>> = {
  "/v1/traces": "spans",
  "/v1/logs": "logs",
  "/v1/metrics": "metrics",
};
/** A request that takes longer than this to arrive is cut off: a slow sender must not hold a connection for ever. */
const requestTimeoutMs = 60_000;
const headersTimeoutMs = 10_000;

// The numbers of google.rpc.Code.
const codeInvalidArgument = 3;
const codeNotFound = 5;
const codeResourceExhausted = 8;
const codeUnimplemented = 12;
const codeInternal = 13;
const codeUnavailable = 14;
const codeUnauthenticated = 16;

/**
 * OTLP over HTTP on every address. A request is answered 200 only after `append` resolved, that is after it was synced.
 * @see OTLP specification 1.11, "OTLP/HTTP"
 */
export function createOtlpReceiver(settings: ReceiverSettings): OtlpReceiver {
  const { listen, requestSizeBytesMax, tokens, append, clock, telemetry, log } = settings;
  const inFlightBytesMax = settings.inFlightBytesMax ?? 4 * requestSizeBytesMax;
  const accepted = telemetry.counter({
    name: "quartet_receive_accepted_items_total",
    help: "Spans, log records and data points that are in the journal and were acknowledged.",
    labelNames: ["signal"],
  });
  const refused = telemetry.counter({
    name: "quartet_receive_refused_items_total",
    help: "Spans, log records and data points that were refused, by reason; broken bodies count as one.",
    labelNames: ["signal", "reason"],
  });
  const requests = telemetry.counter({
    name: "quartet_receive_requests_total",
    help: "Requests by signal and HTTP status.",
    labelNames: ["signal", "code"],
  });
  let inFlightBytes = 0;
  telemetry.observedGauge(
    { name: "quartet_receive_in_flight_bytes", help: "Bytes of requests that are not answered yet." },
    (set) => set(inFlightBytes),
  );
  let lastReceivedAtMs = 0;

  /** Never goes back, so that the journal's order is the order of time. */
  function receivedNowMs(): number {
    lastReceivedAtMs = Math.max(lastReceivedAtMs, clock.nowMs());
    return lastReceivedAtMs;
  }

  async function accept(signal: Signal, contentType: OtlpContentType, body: Buffer): Promise<Answer> {
    const encoded = contentType === "application/json" ? transcodeJson(signal, body) : body;
    const { itemCount, rejectedCount, rejectedReason, bytes } = inspectRequest(signal, encoded);
    if (itemCount > 0) {
      try {
        await append(signal, { payload: [bytes], itemCount, receivedAtMs: receivedNowMs() });
      } catch (error) {
        const reason = hasCode(error, "QUARTET_JOURNAL_FULL") ? "journal_full" : "journal_unavailable";
        refused.add({ signal, reason }, itemCount);
        throw error;
      }
      accepted.add({ signal }, itemCount);
    }
    if (rejectedCount > 0) refused.add({ signal, reason: "invalid" }, rejectedCount);
    const partial = rejectedCount === 0 ? undefined : { rejectedCount, message: rejectedReason };
    return { statusCode: 200, body: encodeExportResponse(signal, contentType, partial) };
  }

  /** What a failure means to the client. 429, 502, 503 and 504 are the only ones it tries again. */
  function answerOf(error: unknown, signal: Signal, contentType: OtlpContentType): Answer {
    const status = (statusCode: number, code: number, message: string, headers = {}): Answer => ({
      statusCode,
      body: encodeStatus(contentType, { code, message }),
      headers,
    });
    if (!(error instanceof CollectorError)) {
      log.error("receiving failed", { signal, error });
      return status(500, codeInternal, "the collector failed; its log says why");
    }
    if (error.code === "QUARTET_OTLP_INVALID") {
      refused.add({ signal, reason: "undecodable" });
      return status(400, codeInvalidArgument, error.message);
    }
    if (error.code === "QUARTET_OTLP_TOO_LARGE" || error.code === "QUARTET_RECORD_TOO_LARGE") {
      refused.add({ signal, reason: "too_large" });
      return status(413, codeResourceExhausted, `${error.message}; send smaller batches`);
    }
    const retryAfterSeconds = Math.max(1, Math.ceil((error.retryAfterMs ?? 1_000) / 1_000));
    return status(503, codeUnavailable, error.message, { "retry-after": String(retryAfterSeconds) });
  }

  async function answer(
    request: IncomingMessage,
  ): Promise<{ answer: Answer; contentType: OtlpContentType; signal: string }> {
    const path = (request.url ?? "").split("?")[0]!;
    const signal = signals[path];
    const given = (request.headers["content-type"] ?? "").split(";")[0]!.trim().toLowerCase();
    const contentType: OtlpContentType =
      given === "application/json" ? "application/json" : "application/x-protobuf";
    const refuse = (statusCode: number, code: number, message: string, headers = {}) => ({
      answer: { statusCode, body: encodeStatus(contentType, { code, message }), headers },
      contentType,
      signal: signal ?? "none",
    });
    if (signal === undefined)
      return refuse(404, codeNotFound, `there is nothing at ${path}; use ${Object.keys(signals).join(", ")}`);
    if (request.method !== "POST") return refuse(405, codeUnimplemented, "use POST", { allow: "POST" });
    if (!isAuthorized(request.headers.authorization, tokens())) {
      return refuse(401, codeUnauthenticated, "send a token: Authorization: Bearer …", {
        "www-authenticate": "Bearer",
      });
    }
    if (given !== contentType) {
      return refuse(
        415,
        codeInvalidArgument,
        `the content type ${given || "(none)"} is none of application/x-protobuf, application/json`,
      );
    }
    const encoding = (request.headers["content-encoding"] ?? "").trim().toLowerCase();
    if (!isKnownEncoding(encoding)) {
      return refuse(
        415,
        codeInvalidArgument,
        `the content encoding ${encoding} is none of gzip, zstd, deflate, identity`,
      );
    }
    let reservedBytes = 0;
    const reserve = (sizeBytes: number): boolean => {
      if (inFlightBytes + sizeBytes > inFlightBytesMax) return false;
      inFlightBytes += sizeBytes;
      reservedBytes += sizeBytes;
      return true;
    };
    try {
      const body = await readBody(request, { encoding, sizeBytesMax: requestSizeBytesMax, reserve });
      return { answer: await accept(signal, contentType, body), contentType, signal };
    } catch (error) {
      return { answer: answerOf(error, signal, contentType), contentType, signal };
    } finally {
      inFlightBytes -= reservedBytes;
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { answer: given, contentType, signal } = await answer(request);
    requests.add({ signal, code: String(given.statusCode) });
    // Bytes of the request that were not read would be taken for the next one.
    const closing = request.complete ? {} : { connection: "close" };
    response.writeHead(given.statusCode, {
      "content-type": contentType,
      "content-length": given.body.length,
      ...given.headers,
      ...closing,
    });
    response.end(given.body);
    if (!request.complete) response.once("finish", () => request.destroy());
  }

  const servers = listen.map((address) => ({
    address,
    server: createServer(
      { requestTimeout: requestTimeoutMs, headersTimeout: headersTimeoutMs, keepAliveTimeout: 30_000 },
      (request, response) => {
        handle(request, response).catch((error: unknown) => {
          log.error("answering failed", { error });
          response.destroy();
        });
      },
    ),
  }));

  return {
    async start() {
      const taken: string[] = [];
      for (const { address, server } of servers) taken.push(await open(server, address));
      return taken;
    },
    async stop({ deadlineMs }) {
      await Promise.all(servers.map(({ server }) => close(server, clock, deadlineMs)));
    },
  };
}

function open(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EADDRINUSE") return reject(cause);
      reject(
        new CollectorError(
          "QUARTET_ADDRESS_IN_USE",
          `${host}:${port} is in use: stop the other program or set receive.otlp.listen to other addresses`,
          { cause },
        ),
      );
    });
    server.listen(port, host, () => {
      const bound = server.address() as AddressInfo;
      resolve(`${host.includes(":") ? `[${host}]` : host}:${bound.port}`);
    });
  });
}

function close(server: Server, clock: Clock, deadlineMs: number): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = clock.setTimer(() => server.closeAllConnections(), deadlineMs);
    server.close(() => {
      cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
