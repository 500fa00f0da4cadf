import type { ServerResponse } from "node:http";
import { fastify } from "fastify";
import { page } from "./page.ts";
import { parsePayload, PayloadError, type ReceivedAlert } from "./payload.ts";

const alertsKeptMax = 1_000;
const listenersMax = 100;
const bodySizeBytesMax = 8 * 1024 * 1024;

export interface Inbox {
  readonly url: string;
  readonly port: number;
  /** Newest first, at most 1,000. */
  alerts(): readonly ReceivedAlert[];
  stop(): Promise<void>;
}

interface InboxSettings {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly nowMs: () => number;
  /** Called once for every alert, repeats included, in order of receipt. */
  readonly onAlert: (alert: ReceivedAlert) => void;
}

/**
 * Receives Alertmanager webhooks on any path, keeps the last 1,000 alerts in memory, shows them at `/` and as JSON at `/api/alerts`.
 * @throws the listener's own error, such as EADDRINUSE.
 */
export async function startInbox({ host, port, nowMs, onAlert }: InboxSettings): Promise<Inbox> {
  const kept: ReceivedAlert[] = [];
  const listeners = new Set<ServerResponse>();
  let nextId = 1;
  const server = fastify({ bodyLimit: bodySizeBytesMax, forceCloseConnections: true });

  server.get("/", (_request, reply) => reply.type("text/html; charset=utf-8").send(page));
  server.get("/api/alerts", () => ({ alerts: kept }));
  server.get("/events", (request, reply) => {
    if (listeners.size >= listenersMax)
      return reply.code(503).send({ error: `${listenersMax} pages are open already` });
    // The stream outlives the handler, so the response is ours from here on.
    reply.hijack();
    reply.raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    reply.raw.write(": open\n\n");
    listeners.add(reply.raw);
    request.raw.once("close", () => listeners.delete(reply.raw));
    return reply;
  });
  server.post("/*", (request, reply) => {
    const received = parsePayload(request.body, { receivedAtMs: nowMs(), firstId: nextId, known: kept });
    nextId += received.length;
    for (const alert of received) {
      kept.unshift(alert);
      onAlert(alert);
    }
    kept.splice(alertsKeptMax);
    for (const listener of listeners) listener.write("data: changed\n\n");
    return reply.code(200).send({ received: received.length });
  });
  server.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const statusCode = error instanceof PayloadError ? 400 : (error.statusCode ?? 500);
    void reply.code(statusCode).send({ error: error.message });
  });

  await server.listen({ host, port });
  const address = server.server.address();
  const taken = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    port: taken,
    alerts: () => kept,
    async stop() {
      for (const listener of listeners) listener.end();
      await server.close();
    },
  };
}
