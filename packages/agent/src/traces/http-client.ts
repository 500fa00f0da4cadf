import { channel } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage } from "node:http";
import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Span,
  type TextMapSetter,
  type Tracer,
} from "@opentelemetry/api";
import type { Guard } from "../resilience/index.ts";
import { defaultPort, errorType, knownMethod, spanName, splitHost } from "./http-attributes.ts";
import { redactUrl } from "./redact.ts";

export interface HttpClientSettings {
  readonly tracer: Tracer;
  readonly guard: Guard;
  /** The agent's own requests are not traced. */
  readonly isOwn: (request: ClientRequest) => boolean;
}

/** A source of spans that can be switched on and off. */
export interface Instrumentation {
  start(): void;
  stop(): void;
}

const headerSetter: TextMapSetter<ClientRequest> = {
  set: (request, name, value) => void request.setHeader(name, value),
};

/**
 * Client spans of `http.request`, `https.request` and everything built on them, from Node's channels.
 * A span ends when the answer has been read, or when the request is closed for any other reason.
 */
export function createHttpClientTraces({ tracer, guard, isOwn }: HttpClientSettings): Instrumentation {
  const spans = new WeakMap<ClientRequest, Span>();

  const begin = (request: ClientRequest): void => {
    if (isOwn(request)) return;
    const method = knownMethod(request.method);
    const scheme = request.protocol === "https:" ? "https" : "http";
    const header = request.getHeader("host");
    const host = typeof header === "string" ? header : request.host;
    const { address, port } = splitHost(host);
    const span = tracer.startSpan(spanName(method), {
      kind: SpanKind.CLIENT,
      attributes: {
        "http.request.method": method,
        "url.full": redactUrl(`${scheme}://${host}${request.path}`),
        "server.address": address,
        "server.port": port ?? defaultPort(scheme),
      },
    });
    spans.set(request, span);
    request.once(
      "close",
      guard("ending a client span", () => span.end()),
    );
    // Headers given as an array are on their way already and cannot be added to.
    if (!request.headersSent)
      propagation.inject(trace.setSpan(context.active(), span), request, headerSetter);
  };

  const onCreated = guard("http.client.request.created", (message: unknown) =>
    begin((message as { request: ClientRequest }).request),
  );
  const onResponse = guard("http.client.response.finish", (message: unknown) => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    const span = spans.get(request);
    if (span !== undefined) setClientStatus(span, response.statusCode ?? 0);
  });
  const onError = guard("http.client.request.error", (message: unknown) => {
    const { request, error } = message as { request: ClientRequest; error: unknown };
    const span = spans.get(request);
    if (span !== undefined) setClientError(span, error);
  });
  const subscriptions = [
    [channel("http.client.request.created"), onCreated],
    [channel("http.client.response.finish"), onResponse],
    [channel("http.client.request.error"), onError],
  ] as const;
  return {
    start() {
      for (const [source, listener] of subscriptions) source.subscribe(listener);
    },
    stop() {
      for (const [source, listener] of subscriptions) source.unsubscribe(listener);
    },
  };
}

/** A client's 4xx is a failed call (semantic conventions, "HTTP client span"). */
export function setClientStatus(span: Span, statusCode: number): void {
  span.setAttribute("http.response.status_code", statusCode);
  if (statusCode < 400) return;
  span.setAttribute("error.type", String(statusCode));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

export function setClientError(span: Span, error: unknown): void {
  span.setAttribute("error.type", errorType(error));
  span.setStatus({
    code: SpanStatusCode.ERROR,
    ...(error instanceof Error ? { message: error.message } : {}),
  });
}
