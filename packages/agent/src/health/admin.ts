import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ReadinessState } from "./readiness.ts";

export interface AdminSettings {
  /** undefined: all addresses. */
  readonly host: string | undefined;
  /** 0: any free port. */
  readonly port: number;
  /** The text of /metrics, in the exposition format `contentType` names. */
  readonly metrics: (headers: IncomingMessage["headers"]) => Promise<string>;
  readonly contentType: string;
  readonly readiness: () => ReadinessState;
  /** Says why the port is another than the one asked for, or that there is none; once. */
  readonly warn: (message: string) => void;
}

export interface Admin {
  /** For telling its requests and its listening apart from the service's. */
  readonly isOwn: (server: unknown) => boolean;
  /** Listens; gives the port, or undefined when none could be opened. Never rejects. */
  start(): Promise<number | undefined>;
  stop(): void;
}

/** The agent's own HTTP server: /metrics, /livez and /readyz. It never keeps the process alive. */
export function createAdmin(settings: AdminSettings): Admin {
  const { host, port, warn } = settings;
  const address = host === undefined ? {} : { host };
  const name = host ?? "all addresses";
  const server = createServer((request, response) => {
    void answer(request, response, settings);
  });
  // Neither the server nor a scraper's kept connection may hold a service that has ended.
  server.on("connection", (socket) => socket.unref());
  return {
    isOwn: (other) => other === server,
    async start() {
      const first = await listen(server, { ...address, port });
      if (first.kind === "listening") return first.port;
      if (first.code !== "EADDRINUSE") {
        warn(
          `cannot listen on port ${port} of ${name} (${first.code}); there is no /metrics, set OTEL_EXPORTER_PROMETHEUS_PORT or OTEL_EXPORTER_PROMETHEUS_HOST`,
        );
        return undefined;
      }
      const second = await listen(server, { ...address, port: 0 });
      if (second.kind === "failed") {
        warn(`cannot listen on ${name} (${second.code}); there is no /metrics`);
        return undefined;
      }
      warn(
        `port ${port} is in use; /metrics is on port ${second.port}, set OTEL_EXPORTER_PROMETHEUS_PORT to choose one`,
      );
      return second.port;
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

type Listening =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "failed"; readonly code: string };

function listen(server: Server, address: { host?: string; port: number }): Promise<Listening> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException): void =>
      resolve({ kind: "failed", code: error.code ?? error.message });
    server.once("error", onError);
    // In a worker of node:cluster, `exclusive` keeps the primary from sharing one port among all workers' metrics.
    server.listen({ ...address, exclusive: true }, () => {
      server.off("error", onError);
      server.on("error", () => undefined);
      server.unref();
      resolve({ kind: "listening", port: (server.address() as AddressInfo).port });
    });
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { metrics, contentType, readiness }: AdminSettings,
): Promise<void> {
  const text = (status: number, body: string, type = "text/plain; charset=utf-8"): void => {
    response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
    response.end(request.method === "HEAD" ? undefined : body);
  };
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return text(405, "only GET and HEAD\n");
  }
  switch (request.url?.split("?", 1)[0] ?? "") {
    case "/metrics":
      try {
        return text(200, await metrics(request.headers), contentType);
      } catch (error) {
        return text(500, `the metrics could not be collected: ${String(error)}\n`);
      }
    case "/livez":
      // That it answers is the proof: the event loop turns.
      return text(200, "ok\n");
    case "/readyz": {
      const state = readiness();
      return state === "ready" ? text(200, "ok\n") : text(503, `${state}\n`);
    }
    default:
      return text(404, "there is /metrics, /livez and /readyz\n");
  }
}
