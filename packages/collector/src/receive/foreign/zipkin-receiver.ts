import type { IncomingMessage, ServerResponse } from "node:http";
import { http } from "../../model/index.ts";
import { closeServer, listenAt, type Address } from "../listen.ts";
import { createEndpoint, type Shared } from "./endpoint.ts";
import { createZipkin } from "./zipkin.ts";

export interface ZipkinReceiver {
  /** Resolves with host:port of every listener, port 0 replaced. @throws CollectorError QUARTET_ADDRESS_IN_USE */
  start(): Promise<readonly string[]>;
  /** Accepts nothing new, waits for what is under way until the deadline, then cuts it off. Safe to call twice, and without `start`. */
  stop(options: { readonly deadlineMs: number }): Promise<void>;
}

const path = "/api/v2/spans";
const headersTimeoutMs = 10_000;
/** Longer than reporters wait between two batches. */
const keepAliveTimeoutMs = 75_000;
const connectionsMax = 8_192;

/** Zipkin's collector on addresses of its own, with the clients, limits and memory of OTLP. */
export function createZipkinReceiver(listen: readonly Address[], shared: Shared): ZipkinReceiver {
  const { clock, log } = shared;
  let isStopping = false;
  const endpoint = createEndpoint(createZipkin(shared), shared.admission.admit, {
    ...shared,
    isStopping: () => isStopping,
  });

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const asked = (request.url ?? "").split("?", 1)[0]!;
    if (asked === path && request.method === "POST") {
      endpoint(request, response).catch((error: unknown) => {
        log.error("answering a request failed", { path, error });
        response.destroy();
      });
      return;
    }
    response.writeHead(asked === path ? 405 : 404, { "content-type": "text/plain; charset=utf-8" });
    response.end(`there is nothing at ${request.method ?? ""} ${asked}; use POST ${path}\n`);
    request.resume();
  }

  const servers = listen.map(() => {
    const server = http.createServer(
      {
        headersTimeout: headersTimeoutMs,
        requestTimeout: shared.requestTimeoutMs + headersTimeoutMs,
        connectionsCheckingInterval: 1_000,
        keepAliveTimeout: keepAliveTimeoutMs,
      },
      handle,
    );
    server.maxConnections = connectionsMax;
    return server;
  });

  return {
    async start() {
      const taken: string[] = [];
      try {
        for (const [index, address] of listen.entries())
          taken.push(await listenAt(servers[index]!, address, "receive.zipkin.listen"));
      } catch (error) {
        await Promise.all(servers.map(closeServer));
        throw error;
      }
      return taken;
    },
    async stop({ deadlineMs }) {
      isStopping = true;
      const closed = Promise.all(servers.map(closeServer));
      const cancel = clock.setTimer(() => {
        for (const server of servers) server.closeAllConnections();
      }, deadlineMs);
      for (const server of servers) server.closeIdleConnections();
      await closed;
      cancel();
    },
  };
}
