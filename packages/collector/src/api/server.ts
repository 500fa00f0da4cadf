import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server } from "node:net";
import { Server as TlsServer, type TlsOptions, type TLSSocket } from "node:tls";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { CollectorError, isAuthorized, lazyRequire, type TlsIdentity } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { failure, failureOf, type Answer } from "./answer.ts";
import { compress } from "./compression.ts";
import type { Parameters } from "./parameters.ts";

/** Data endpoints below /api; each takes GET and POST with a form, but where marked. */
export const endpoints = {
  "/api/v1/query": "query",
  "/api/v1/query_range": "query_range",
  "/api/v1/query_exemplars": "query_exemplars",
  "/api/v1/format_query": "format_query",
  "/api/v1/parse_query": "parse_query",
  "/api/v1/labels": "labels",
  "/api/v1/label/:name/values": "label_values",
  "/api/v1/series": "series",
  "/api/v1/metadata": "metadata",
  "/api/v1/rules": "rules",
  "/api/v1/alerts": "alerts",
  "/api/v1/targets": "targets",
  "/api/v1/targets/metadata": "target_metadata",
  "/api/v1/scrape_pools": "scrape_pools",
  "/api/v1/alertmanagers": "alertmanagers",
  "/api/v1/features": "features",
  "/api/v1/status/buildinfo": "buildinfo",
  "/api/v1/status/config": "config",
  "/api/v1/status/flags": "flags",
  "/api/v1/status/runtimeinfo": "runtimeinfo",
  "/api/v1/status/tsdb": "tsdb",
  "/api/v3/traces/:trace_id": "trace",
} as const;

export type Endpoint = (typeof endpoints)[keyof typeof endpoints];

export interface Page {
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

export interface PushAddress {
  readonly path: string;
  /** Undefined while nothing can be taken: before the stages have started, and when they stop. */
  readonly endpoint: () =>
    | ((request: IncomingMessage, response: ServerResponse) => Promise<void>)
    | undefined;
}

export interface ApiSettings {
  readonly host: string;
  readonly port: number;
  /** Empty = no token needed. */
  readonly tokens: () => readonly string[];
  /** Default: no TLS. Another object when certificate or key changed. */
  readonly tls?: () => TlsIdentity;
  /** Answers a data endpoint, in whatever thread has the data. `signal` aborts when the client leaves. */
  readonly answer: (endpoint: Endpoint, parameters: Parameters, signal: AbortSignal) => Promise<Answer>;
  /** What keeps the collector from being ready; [] = ready. */
  readonly notReady: () => readonly string[];
  /** The exposition of every thread's metrics. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly pages: readonly Page[];
  /** Addresses to which other programs push; each reads the request and answers it by itself. */
  readonly push?: readonly PushAddress[];
  readonly log: Log;
}

export interface Api {
  /** Resolves with the port, also when 0 was asked for. */
  start(): Promise<{ readonly port: number }>;
  stop(): Promise<void>;
}

const bodySizeBytesMax = 1024 * 1024;

/** The API's front: probes, metrics, Prometheus' HTTP API, pages. It holds no data: every endpoint is answered elsewhere. */
export function createApi(settings: ApiSettings): Api {
  const { host, port, log } = settings;
  const identity = settings.tls?.();
  // Not by import: a query thread has its answers from this folder, and fastify would take 10 MB in each.
  const { fastify } = lazyRequire("fastify")() as typeof import("fastify");
  const server: FastifyInstance = fastify({
    https: identity === undefined ? null : tlsOptions(identity),
    bodyLimit: bodySizeBytesMax,
    forceCloseConnections: true,
    // Names of labels are part of paths, and have no limit of their own below that of a request's head.
    routerOptions: { maxParamLength: 16 * 1024 },
  });
  followIdentity(server.server, settings.tls);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    "application/x-www-form-urlencoded",
    { parseAs: "string" },
    (_request, body, done) => {
      done(null, [...new URLSearchParams(body as string)]);
    },
  );
  // A body that is no form says nothing, as in Go: the parameters may stand in the address.
  server.addContentTypeParser("*", { parseAs: "string" }, (_request, _body, done) => done(null, undefined));
  server.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const statusCode = error.statusCode ?? 500;
    if (statusCode >= 500) log.error("the API failed", { path: request.url, error });
    void reply
      .code(statusCode)
      .send({ status: "error", errorType: statusCode < 500 ? "bad_data" : "internal", error: error.message });
  });
  server.setNotFoundHandler((request, reply) => {
    void send(
      reply,
      failure("not_found", `there is nothing at ${request.method} ${request.url.split("?")[0]}`),
    );
  });
  serveProbes(server, settings);
  server.register(async (guarded) => {
    guarded.addHook("onRequest", async (request, reply) => requireToken(request, reply, settings.tokens()));
    if (identity?.clientCa !== undefined) guarded.addHook("onRequest", requireCertificate);
    guarded.addHook("onSend", compress);
    serveData(guarded, settings);
    guarded.register(async (pushed) => servePush(pushed, settings));
    for (const page of settings.pages) {
      guarded.get(page.path, (_request, reply) => reply.type(page.contentType).send(page.body));
    }
  });
  return {
    async start() {
      try {
        await server.listen({ host, port });
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause;
        throw new CollectorError(
          "QUARTET_ADDRESS_IN_USE",
          `${host}:${port} is in use: stop the other program or set api.listen to another address`,
          { cause },
        );
      }
      const address = server.server.address();
      return { port: typeof address === "object" && address !== null ? address.port : port };
    },
    stop: () => server.close(),
  };
}

/** A client without a certificate is let in as far as the probes: a kubelet has none. */
function tlsOptions({ cert, key, clientCa }: TlsIdentity): TlsOptions {
  if (clientCa === undefined) return { cert, key };
  return { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: false };
}

/** New connections show the certificate of their moment. */
function followIdentity(server: Server, tls: (() => TlsIdentity) | undefined): void {
  if (tls === undefined || !(server instanceof TlsServer)) return;
  let held = tls();
  // Before the server's own listener, which begins the handshake.
  server.prependListener("connection", () => {
    const now = tls();
    if (now === held) return;
    held = now;
    server.setSecureContext(tlsOptions(held));
  });
}

/** Probe paths need no token: a kubelet has none. */
function serveProbes(server: FastifyInstance, { notReady }: ApiSettings): void {
  server.get("/-/healthy", (_request, reply) => reply.type("text/plain").send("Quartet is Healthy.\n"));
  server.get("/-/ready", (_request, reply) => {
    const reasons = notReady();
    if (reasons.length === 0) return reply.type("text/plain").send("Quartet is Ready.\n");
    return reply
      .code(503)
      .type("text/plain")
      .send(`Quartet is not ready: ${reasons.join("; ")}\n`);
  });
}

function serveData(server: FastifyInstance, { answer, metrics }: ApiSettings): void {
  server.get("/metrics", async (_request, reply) => {
    const { contentType, body } = await metrics();
    return reply.type(contentType).send(body);
  });
  for (const [path, endpoint] of Object.entries(endpoints)) {
    server.route({
      method: ["GET", "POST"],
      url: path,
      handler: async (request, reply) => {
        const leaving = new AbortController();
        reply.raw.once("close", () => leaving.abort());
        try {
          return await send(reply, await answer(endpoint, parametersOf(request), leaving.signal));
        } catch (error) {
          return await send(reply, failureOf(error));
        }
      },
    });
  }
}

/** Bodies here have other limits than forms, and are read where these are known. */
function servePush(server: FastifyInstance, { push = [], log }: ApiSettings): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", (_request, _stream, done) => done(null));
  for (const { path, endpoint } of push) {
    server.post(path, (request, reply) => {
      const handle = endpoint();
      if (handle === undefined) {
        void send(reply.header("retry-after", "1"), failure("unavailable", "the stages are not running"));
        return;
      }
      reply.hijack();
      handle(request.raw, reply.raw).catch((error: unknown) => {
        log.error("answering a request failed", { path, error });
        reply.raw.destroy();
      });
    });
  }
}

/** Path first, as nothing may stand in for it; then form and query string in the order in which Go's FormValue looks. */
function parametersOf(request: FastifyRequest): Parameters {
  const query = request.url.split("?").slice(1).join("?");
  const form = Array.isArray(request.body) ? (request.body as [string, string][]) : [];
  return [
    ...Object.entries(request.params as Record<string, string>),
    ...form,
    ...new URLSearchParams(query),
  ];
}

function send(reply: FastifyReply, { statusCode, body }: Answer): FastifyReply {
  return reply.code(statusCode).type("application/json").send(body);
}

async function requireToken(
  request: FastifyRequest,
  reply: FastifyReply,
  tokens: readonly string[],
): Promise<void> {
  if (isAuthorized(request.headers.authorization, tokens)) return;
  await reply.code(401).header("www-authenticate", "Bearer").send({
    status: "error",
    errorType: "unauthorized",
    error: "send one of the tokens of api.tokens_file as a bearer token",
  });
}

async function requireCertificate({ raw }: FastifyRequest, reply: FastifyReply): Promise<void> {
  const socket = raw.socket as TLSSocket;
  // Some versions of Node call a resumed session authorized that never showed a certificate.
  if (socket.authorized && socket.getPeerX509Certificate() !== undefined) return;
  await reply.code(401).send({
    status: "error",
    errorType: "unauthorized",
    error: "show a client certificate of api.tls.client_ca_file",
  });
}
