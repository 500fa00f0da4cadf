import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { Duplex } from "node:stream";
import {
  http,
  type Clock,
  type CollectorError,
  type JournalBatch,
  type RequestProcess,
  type Stream,
  type TlsIdentity,
} from "../model/index.ts";
import { transcodeJson, type OtlpSignal } from "../otlp/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import { createAdmission } from "./admission.ts";
import { createBlocks } from "./blocks.ts";
import { createBudget } from "./budget.ts";
import { createCors } from "./cors.ts";
import { createDoor } from "./door.ts";
import type { Address } from "./listen.ts";
import type { Shared } from "./foreign/endpoint.ts";
import { createGrpcHandler, isGrpc } from "./grpc.ts";
import { createHttpHandler, type HttpResponse } from "./http.ts";
import { createIntake } from "./intake.ts";
import { buildHttp1Refusal, sayFarewell } from "./plain-answer.ts";
import { createRateLimiter, type RateLimit } from "./rate-limit.ts";
import { createReceiveMetrics } from "./telemetry.ts";

export interface ReceiverSettings {
  readonly listen: readonly Address[];
  /** Bound of one request after decompression. */
  readonly requestSizeBytesMax: number;
  /** Bound of all requests under way together; default four of the largest. */
  readonly inFlightBytesMax?: number;
  /** How long a request may take to arrive; default 60 s. */
  readonly requestTimeoutMs?: number;
  /** How long a connection may take to say what it wants, to its last header; default 10 s. */
  readonly headersTimeoutMs?: number;
  /** Of all listeners together, half of them for one address; default 8,192. */
  readonly connectionsMax?: number;
  /** Empty = no token needed. */
  readonly tokens: () => readonly string[];
  /** Of the API's port: by its token a client that pushes there is known. Default: none, so by certificate or address. */
  readonly apiTokens?: () => readonly string[];
  /** Default: no TLS. */
  readonly tls?: () => TlsIdentity;
  /** Origins of web pages that may send; default none. */
  readonly corsOrigins?: readonly string[];
  /** Of each client; default none. */
  readonly rateLimit?: RateLimit;
  /** Resolves when the batch is synced. */
  readonly append: (signal: OtlpSignal, batch: JournalBatch) => Promise<unknown>;
  /** OTLP/JSON to protobuf; default: in this thread, whatever the size. */
  readonly transcode?: (signal: OtlpSignal, json: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** What the journal would refuse so many bytes with, asked before they are read; default: nothing is known before `append`. */
  readonly journalRefusal?: (stream: Stream, sizeBytes: number) => CollectorError | undefined;
  /** What is done to a request between its check and the journal; nothing when not given. */
  readonly process?: RequestProcess | undefined;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

export interface OtlpReceiver {
  /** What other protocols share with OTLP: limits, memory, journal and counters. */
  readonly shared: Shared;
  /** Resolves with host:port of every listener, port 0 replaced. @throws CollectorError QUARTET_ADDRESS_IN_USE */
  start(): Promise<readonly string[]>;
  /** Accepts nothing new, waits for what is under way until the deadline, then cuts it off. Safe to call twice, and without `start`. */
  stop(options: { readonly deadlineMs: number }): Promise<void>;
}

/** Longer than the minute between two exports of metrics, or each would find its connection just closed. */
const keepAliveTimeoutMs = 75_000;
const idleSessionTimeoutMs = 300_000;
const concurrentStreamsMax = 128;
/** One service instance needs one or two. */
const connectionsDefaultMax = 8_192;
const headersSizeBytesMax = 16 * 1024;
/** HTTP/2's own 64 KiB would make the client wait for an answer in mid-batch. */
const streamWindowBytes = 1024 * 1024;
const sessionWindowBytes = 8 * 1024 * 1024;

/** Some fifty bodies of an SDK's usual size. */
const keptBlocksBytesMax = 16 * 1024 * 1024;

const none: readonly string[] = [];

/**
 * OTLP on every address: HTTP/1.1, HTTP/2 without TLS (h2c) and gRPC, told apart by the first bytes.
 * A request is acknowledged only after `append` resolved, that is after it was synced.
 * @see OTLP specification 1.11
 */
export function createOtlpReceiver(settings: ReceiverSettings): OtlpReceiver {
  const { listen, requestSizeBytesMax, tokens, append, clock, telemetry, log } = settings;
  const requestTimeoutMs = settings.requestTimeoutMs ?? 60_000;
  const headersTimeoutMs = settings.headersTimeoutMs ?? 10_000;
  const budget = createBudget({
    sizeBytesMax: settings.inFlightBytesMax ?? 4 * requestSizeBytesMax,
    nowMs: clock.nowMs,
  });
  const metrics = createReceiveMetrics(telemetry, {
    inFlightBytes: () => budget.usedBytes,
    connections: () => door.connectionCount,
  });
  const intake = createIntake({
    append,
    transcode: settings.transcode ?? transcodeJson,
    process: settings.process,
    clock,
    metrics,
    log,
  });
  let isStopping = false;
  const limiter = createRateLimiter(settings.rateLimit ?? {}, clock.nowMs);
  const handlerSettings = {
    requestSizeBytesMax,
    requestTimeoutMs,
    admission: createAdmission({
      tokens,
      apiTokens: settings.apiTokens ?? (() => none),
      limiter,
      budget,
      journalRefusal: settings.journalRefusal ?? (() => undefined),
    }),
    blocks: createBlocks({ keptBytesMax: keptBlocksBytesMax }),
    cors: createCors(settings.corsOrigins ?? []),
    intake,
    metrics,
    clock,
    isStopping: () => isStopping,
  };
  const handleHttp = createHttpHandler(handlerSettings);
  const handleGrpc = createGrpcHandler(handlerSettings);

  function serve(handling: Promise<void>, response: HttpResponse): void {
    handling.catch((error: unknown) => {
      log.error("answering a request failed", { error });
      response.destroy();
    });
  }

  const http1 = http.createServer({
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs + headersTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
    keepAliveTimeout: keepAliveTimeoutMs,
  });
  const onHttp1 = (request: IncomingMessage, response: ServerResponse) =>
    serve(handleHttp(request, response), response);
  http1.on("request", onHttp1).on("checkContinue", onHttp1).on("clientError", refuseBroken);

  const http2 = createHttp2Server({
    settings: {
      maxConcurrentStreams: concurrentStreamsMax,
      initialWindowSize: streamWindowBytes,
      maxHeaderListSize: headersSizeBytesMax,
    },
  });
  const sessions = new Set<ServerHttp2Session>();
  const onHttp2 = (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const isCall = isGrpc(request.headers["content-type"]);
    serve(isCall ? handleGrpc(request, response) : handleHttp(request, response), response);
  };
  http2.on("request", onHttp2).on("checkContinue", onHttp2);
  http2.on("session", (session) => {
    sessions.add(session);
    session.setLocalWindowSize(sessionWindowBytes);
    session.setTimeout(idleSessionTimeoutMs, () => session.close());
    session.once("close", () => sessions.delete(session));
    // Pings keep a session from being idle, and headers that stop in their middle are no request yet.
    const cancel = clock.setTimer(() => {
      metrics.cutConnections.add({ reason: "slow" });
      session.destroy();
    }, headersTimeoutMs);
    session.once("stream", cancel).once("close", cancel);
    // What a client breaks is its own loss; the error is also on each of its streams.
    session.on("error", () => metrics.cutConnections.add({ reason: "malformed" }));
  });

  /** What is no HTTP, or too slow to become a request, gets a Status all the same. */
  function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
    const isSlow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    const isLarge = error.code === "HPE_HEADER_OVERFLOW";
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    metrics.cutConnections.add({ reason: isSlow ? "slow" : "malformed" });
    const [status, message] = isSlow
      ? ["408 Request Timeout", "the request took too long to arrive"]
      : isLarge
        ? ["431 Request Header Fields Too Large", "the headers are too large"]
        : ["400 Bad Request", "this is no HTTP request"];
    sayFarewell(socket, { answer: buildHttp1Refusal(status, message), clock });
  }

  const door = createDoor({
    listen,
    http1,
    http2,
    tls: settings.tls,
    clock,
    peekTimeoutMs: headersTimeoutMs,
    connectionsMax: settings.connectionsMax ?? connectionsDefaultMax,
    onCut: (reason) => metrics.cutConnections.add({ reason }),
  });

  return {
    shared: { ...handlerSettings, log },
    async start() {
      const addresses = await door.open();
      // A server that never listens itself begins to watch for slow clients only when it is told that it listens.
      http1.emit("listening");
      return addresses;
    },
    async stop({ deadlineMs }) {
      isStopping = true;
      const closed = door.close();
      const cancel = clock.setTimer(() => door.cut(), deadlineMs);
      http1.closeIdleConnections();
      for (const session of sessions) session.close();
      await closed;
      cancel();
      // It has no listener of its own, which is all that the error says; its timer ends.
      http1.close(() => undefined);
    },
  };
}
