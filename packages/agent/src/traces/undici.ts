import { channel } from "node:diagnostics_channel";
import {
  context,
  propagation,
  SpanKind,
  trace,
  type Span,
  type TextMapSetter,
  type Tracer,
} from "@opentelemetry/api";
import type { Guard } from "../resilience/index.ts";
import { setClientError, setClientStatus, type Instrumentation } from "./http-client.ts";
import { defaultPort, knownMethod, spanName, splitHost } from "./http-attributes.ts";
import { redactUrl } from "./redact.ts";

/** What undici publishes, in Node and from npm (6 and later). */
interface UndiciRequest {
  readonly origin: string | URL;
  readonly method: string;
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: unknown;
  addHeader(name: string, value: string): void;
}

/** What its channels carry: each phase fills in its own part. */
interface UndiciMessage {
  readonly request: UndiciRequest;
  readonly response?: { readonly statusCode: number };
  readonly error?: unknown;
}

const headerSetter: TextMapSetter<UndiciRequest> = {
  set(request, name, value) {
    const { headers } = request;
    // A proxy hands on the headers it got: the old value must give way, as two make none (W3C trace context).
    if (Array.isArray(headers)) {
      for (let index = 0; index < headers.length; index += 2) {
        if (typeof headers[index] !== "string" || headers[index].toLowerCase() !== name) continue;
        headers[index + 1] = value;
        return;
      }
    }
    request.addHeader(name, value);
  },
};

/** Client spans of `fetch` and undici, from undici's channels. A span ends when the body has been read, or on an error. */
export function createUndiciTraces({ tracer, guard }: { tracer: Tracer; guard: Guard }): Instrumentation {
  const spans = new WeakMap<UndiciRequest, Span>();

  const begin = (request: UndiciRequest): void => {
    // CONNECT opens a tunnel through a proxy; the request inside has a span of its own.
    if (request.method === "CONNECT") return;
    const method = knownMethod(request.method);
    const origin = String(request.origin).replace(/\/$/, "");
    const [scheme = "http", host = ""] = origin.split("://");
    const { address, port } = splitHost(host.slice(host.lastIndexOf("@") + 1));
    const span = tracer.startSpan(spanName(method), {
      kind: SpanKind.CLIENT,
      attributes: {
        "http.request.method": method,
        "url.full": redactUrl(`${origin}${request.path}`),
        "server.address": address,
        "server.port": port ?? defaultPort(scheme),
      },
    });
    spans.set(request, span);
    propagation.inject(trace.setSpan(context.active(), span), request, headerSetter);
  };

  /** The channel of one phase, with a listener that is called for requests that have a span. */
  const phase = (name: string, handle: (span: Span, message: UndiciMessage) => void) => {
    const listener = guard(name, (message: unknown) => {
      const typed = message as UndiciMessage;
      const span = spans.get(typed.request);
      if (span !== undefined) handle(span, typed);
    });
    return [channel(name), listener] as const;
  };
  const onCreate = guard("undici:request:create", (message: unknown) =>
    begin((message as UndiciMessage).request),
  );
  const subscriptions = [
    [channel("undici:request:create"), onCreate] as const,
    phase("undici:request:headers", (span, { response }) => setClientStatus(span, response?.statusCode ?? 0)),
    phase("undici:request:trailers", (span) => span.end()),
    phase("undici:request:error", (span, { error }) => {
      setClientError(span, error);
      span.end();
    }),
  ];
  return {
    start() {
      for (const [source, listener] of subscriptions) source.subscribe(listener);
    },
    stop() {
      for (const [source, listener] of subscriptions) source.unsubscribe(listener);
    },
  };
}
