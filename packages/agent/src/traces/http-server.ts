import { channel } from "node:diagnostics_channel";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import {
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type TextMapGetter,
  type Tracer,
} from "@opentelemetry/api";
import type { Guard } from "../resilience/index.ts";
import { defaultPort, knownMethod, spanName, splitHost, splitTarget } from "./http-attributes.ts";
import { redactQuery } from "./redact.ts";

/** One finished request, for the histogram: every one counts, sampled or not. */
interface ServerRequestEnd {
  /** A value of http.request.method. */
  readonly method: string;
  /** The template of the route; "" when unknown. */
  readonly route: string;
  /** 0 when the client left before there was an answer. */
  readonly statusCode: number;
  readonly durationSeconds: number;
}

export interface HttpServerSettings {
  readonly tracer: Tracer;
  readonly guard: Guard;
  /** Makes the context active for the rest of this synchronous execution and all that follows from it. */
  readonly enter: (context: Context) => void;
  /** The agent's own server is not traced. */
  readonly isOwn: (server: Server) => boolean;
  readonly onEnd: (request: ServerRequestEnd) => void;
}

export interface HttpServerTraces {
  start(): void;
  /** Ends the spans of requests that nobody will answer any more: the process is ending. */
  readonly abandon: (errorType: string) => void;
  stop(): void;
}

/** What the agent knows about a request while it runs. */
export interface ServerRequest {
  readonly span: Span;
  readonly context: Context;
  route: string;
  /** What made the request fail, when a framework tells. */
  error: unknown;
}

/** Beside the requests, not on them: who prints one must not see the agent. */
const records = new WeakMap<IncomingMessage, ServerRequest>();

/** The agent's record of a running request; undefined when it is not traced or over. */
export function serverRequestOf(request: IncomingMessage): ServerRequest | undefined {
  return records.get(request);
}

interface Started {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: { readonly encrypted?: boolean };
  readonly server: Server;
}

const headersGetter: TextMapGetter<IncomingMessage["headers"]> = {
  get: (headers, name) => headers[name],
  keys: (headers) => Object.keys(headers),
};

/**
 * Server spans from `http.server.request.start`, which Node publishes before the service sees the request.
 * Upgrades and CONNECT are not requests with an answer; Node does not publish them.
 */
export function createHttpServerTraces(settings: HttpServerSettings): HttpServerTraces {
  const { tracer, guard, enter, isOwn, onEnd } = settings;
  const running = new Map<IncomingMessage, (errorType: string | undefined) => void>();

  const begin = ({ request, response, socket, server }: Started): void => {
    if (isOwn(server)) return;
    const startedMs = performance.now();
    const method = knownMethod(request.method ?? "");
    const parent = propagation.extract(ROOT_CONTEXT, request.headers, headersGetter);
    const attributes = requestAttributes(request, method, socket.encrypted === true ? "https" : "http");
    const span = tracer.startSpan(spanName(method), { kind: SpanKind.SERVER, attributes }, parent);
    const context = trace.setSpan(parent, span);
    const record: ServerRequest = { span, context, route: "", error: undefined };
    records.set(request, record);
    const end = (abandonedBecause: string | undefined): void => {
      if (!running.delete(request)) return;
      // A kept connection outlives its requests: it must not hold on to their spans.
      records.delete(request);
      const isAnswered = response.headersSent;
      finishSpan({ record, method, response, isAnswered, abandonedBecause });
      onEnd({
        method,
        route: record.route,
        statusCode: isAnswered ? response.statusCode : 0,
        durationSeconds: (performance.now() - startedMs) / 1_000,
      });
    };
    running.set(request, end);
    // "close" comes after "finish", and alone when the client left; the channel of finished responses knows nothing of those.
    response.once(
      "close",
      guard("ending a server span", () => end(undefined)),
    );
    enter(context);
  };

  const onStart = guard("http.server.request.start", (message: unknown) => begin(message as Started));
  const source = channel("http.server.request.start");
  return {
    start: () => source.subscribe(onStart),
    abandon(errorType) {
      for (const end of running.values()) end(errorType);
    },
    stop() {
      source.unsubscribe(onStart);
    },
  };
}

function requestAttributes(request: IncomingMessage, method: string, scheme: string): Attributes {
  const { path, query } = splitTarget(request.url ?? "/");
  const attributes: Attributes = {
    "http.request.method": method,
    "url.path": path,
    "url.scheme": scheme,
  };
  if (method === "_OTHER" && request.method !== undefined)
    attributes["http.request.method_original"] = request.method;
  if (query !== "") attributes["url.query"] = redactQuery(query);
  if (request.headers.host !== undefined) {
    const { address, port } = splitHost(request.headers.host);
    attributes["server.address"] = address;
    attributes["server.port"] = port ?? defaultPort(scheme);
  }
  const agent = request.headers["user-agent"];
  if (agent !== undefined) attributes["user_agent.original"] = agent;
  return attributes;
}

function finishSpan({
  record: { span, route, error },
  method,
  response,
  isAnswered,
  abandonedBecause,
}: {
  record: ServerRequest;
  method: string;
  response: ServerResponse;
  isAnswered: boolean;
  abandonedBecause: string | undefined;
}): void {
  if (span.isRecording()) {
    const { statusCode } = response;
    if (route !== "") {
      span.setAttribute("http.route", route);
      span.updateName(spanName(method, route));
    }
    if (isAnswered) span.setAttribute("http.response.status_code", statusCode);
    if (abandonedBecause !== undefined) {
      span.setAttribute("error.type", abandonedBecause);
      span.setStatus({ code: SpanStatusCode.ERROR });
    } else if (isAnswered && statusCode >= 500) {
      // A server's 4xx is the client's mistake and leaves the status unset (semantic conventions, "HTTP server span").
      span.setAttribute("error.type", String(statusCode));
      span.setStatus({ code: SpanStatusCode.ERROR });
      if (error instanceof Error) span.recordException(error);
    } else if (!response.writableFinished) {
      span.setAttribute("error.type", "client_disconnected");
    }
  }
  span.end();
}
