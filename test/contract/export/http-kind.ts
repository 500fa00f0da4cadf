import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type RequestListener,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import type { KindAnswer, KindBackend, ServerTls } from "./kind.ts";

/** Everything that an HTTP server says in so many words. */
type Spoken = Exclude<KindAnswer, { kind: "hang_up" } | { kind: "silence" }>;

export interface HttpKind {
  /** Ids of the records in a request. */
  readonly idsOf: (body: Buffer, headers: IncomingHttpHeaders) => string[];
  /** What goes beside the status and the page that every HTTP back end would give. */
  readonly headersOf?: (answer: Spoken, body: Buffer) => OutgoingHttpHeaders;
  /** A body of the protocol's own; undefined where any will do. */
  readonly pageOf?: (answer: Spoken, body: Buffer, headers: IncomingHttpHeaders) => string | undefined;
}

const statuses = {
  accept: 200,
  accept_garbage: 200,
  busy: 429,
  refuse: 400,
  too_large: 413,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  error_page: 503,
} as const;

/** A back end that speaks HTTP/1.1. */
export async function startHttpKind(
  { idsOf, headersOf = () => ({}), pageOf = () => undefined }: HttpKind,
  tls: ServerTls | undefined,
): Promise<KindBackend> {
  const received: string[][] = [];
  const onRequest: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const ids = idsOf(body, request.headers);
      received.push(ids);
      const answer = backend.answer(ids);
      if (answer.kind === "silence") return;
      if (answer.kind === "hang_up") {
        response.destroy();
        return;
      }
      const isWait = answer.kind === "busy" && answer.retryAfterSeconds !== undefined;
      const wait = isWait ? { "retry-after": String(answer.retryAfterSeconds) } : {};
      response.writeHead(statuses[answer.kind], { ...wait, ...headersOf(answer, body) });
      response.end(pageOf(answer, body, request.headers) ?? usualPageOf(answer));
    });
  };
  const server =
    tls === undefined ? createHttpServer(onRequest) : createHttpsServer(tlsOptions(tls), onRequest);
  const backend: KindBackend = {
    endpoint: await listenKind(server, tls),
    received,
    answer: () => ({ kind: "accept" }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return backend;
}

/** Opens a server on loopback and gives its address. */
export async function listenKind(server: Server, tls: ServerTls | undefined): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export function tlsOptions({ cert, key, clientCa }: ServerTls): object {
  return { cert, key, ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true }) };
}

function usualPageOf(answer: KindAnswer): string {
  if (answer.kind === "refuse") return answer.message;
  if (answer.kind === "error_page") return "x".repeat(answer.sizeBytes);
  return answer.kind === "accept_garbage" ? "<h1>fine</h1>" : "";
}
