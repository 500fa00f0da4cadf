import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from "node:http";
import type { Duplex } from "node:stream";
import { http } from "../model/index.ts";
import { createDialer, portOf, type DialSettings, type Dialer } from "./dial.ts";
import { openAuthorization, type AuthSettings } from "./authorization.ts";
import { configuredHeaders } from "./headers.ts";
import { proxyAuthorization } from "./tunnel.ts";

export interface ExportRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  /** Lower-case names. They win over those of the configuration, as the exporter's protocol depends on them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent one after another; must not change before the promise has settled. */
  readonly body: readonly Uint8Array[];
  readonly signal: AbortSignal;
  /** More of the answer is not read; 64 KiB when not given: an answer says little, and a proxy's error page is not worth the memory. */
  readonly responseSizeBytesMax?: number;
}

export interface ExportResponse {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body was longer than `responseSizeBytesMax`, and this is its beginning. */
  readonly isCut: boolean;
}

/** Sends requests to a back end as its exporter's configuration says. */
export interface Transport {
  /** Rejects with the error of the network (`code`), or with the signal's reason. */
  send(request: ExportRequest): Promise<ExportResponse>;
  close(): void;
}

export interface TransportSettings extends DialSettings {
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly auth: AuthSettings;
}

const responseSizeBytesMaxUsual = 64 * 1024;

/**
 * HTTP/1.1 over kept connections.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key when a header, secret, certificate or key is of no use at the start.
 */
export function createHttpTransport(settings: TransportSettings): Transport {
  const dialer = createDialer(settings);
  const authorization = openAuthorization(settings.auth, settings);
  const configured = configuredHeaders(settings.exporter, settings.headers);
  const common = { "user-agent": "quartet-collector", ...configured };
  const { proxy } = dialer;
  const toProxy = proxy && proxyAuthorization(proxy);
  let pool = openPool(dialer);

  return {
    async send({ method, url, headers, body, signal, responseSizeBytesMax = responseSizeBytesMaxUsual }) {
      if (pool.identity !== dialer.identity()) {
        pool.retire();
        pool = openPool(dialer);
      }
      const isForwarded = proxy !== undefined && url.protocol === "http:";
      const authorized = authorization();
      const sizeBytes = body.reduce((sum, { length }) => sum + length, 0);
      const { agent, release } = pool.take(url.protocol);
      try {
        return await exchange(responseSizeBytesMax, body, signal, {
          protocol: url.protocol,
          hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
          port: portOf(url),
          // RFC 9112, "absolute-form": what a proxy is to forward says where to.
          path: isForwarded ? url.href : `${url.pathname}${url.search}`,
          method,
          agent,
          signal,
          headers: {
            ...common,
            ...(authorized === undefined ? {} : { authorization: authorized }),
            ...headers,
            ...(isForwarded && toProxy !== undefined ? { "proxy-authorization": toProxy } : {}),
            host: url.host,
            "content-length": String(sizeBytes),
          },
        });
      } finally {
        release();
      }
    },
    close: () => pool.close(),
  };
}

interface Pool {
  readonly identity: object;
  take(protocol: string): { readonly agent: Agent; readonly release: () => void };
  /** No request begins here any more; closes when the last one is done. */
  retire(): void;
  close(): void;
}

/** Kept connections of one identity. */
function openPool(dialer: Dialer): Pool {
  const agents = { "http:": new DialAgent(dialer, "http:"), "https:": new DialAgent(dialer, "https:") };
  let takenCount = 0;
  let isRetired = false;
  const close = (): void => {
    for (const agent of Object.values(agents)) agent.destroy();
  };
  return {
    identity: dialer.identity(),
    take(protocol) {
      takenCount += 1;
      const release = (): void => {
        takenCount -= 1;
        if (isRetired && takenCount === 0) close();
      };
      return { agent: agents[protocol === "https:" ? "https:" : "http:"], release };
    },
    retire() {
      isRetired = true;
      if (takenCount === 0) close();
    },
    close,
  };
}

class DialAgent extends http.Agent {
  readonly protocol: string;
  readonly #dialer: Dialer;

  constructor(dialer: Dialer, protocol: string) {
    super({ keepAlive: true, maxFreeSockets: 4 });
    this.protocol = protocol;
    this.#dialer = dialer;
  }

  override createConnection(
    options: { readonly host?: string | null; readonly port?: number | string | null },
    callback: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const host = options.host?.includes(":") === true ? `[${options.host}]` : options.host;
    const url = new URL(`${this.protocol}//${host}:${options.port}`);
    this.#dialer.dial({ url, alpn: [], isTunnelled: false }, (error, socket) =>
      // Node's types know no call without a socket; with an error it is not looked at.
      callback(error ?? null, socket as Duplex),
    );
  }
}

function exchange(
  sizeBytesMax: number,
  body: readonly Uint8Array[],
  signal: AbortSignal,
  options: RequestOptions,
): Promise<ExportResponse> {
  return new Promise((resolve, reject) => {
    const request = http.request(options);
    const fail = (error: Error): void => reject(signal.aborted ? (signal.reason as Error) : error);
    request.on("error", fail);
    request.on("response", (response) => collect({ request, response, sizeBytesMax, resolve, fail }));
    for (const piece of body) request.write(piece);
    request.end();
  });
}

function collect(exchanged: {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
  readonly sizeBytesMax: number;
  readonly resolve: (response: ExportResponse) => void;
  readonly fail: (error: Error) => void;
}): void {
  const { request, response, sizeBytesMax, resolve, fail } = exchanged;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const finish = (): void => {
    const isCut = sizeBytes > sizeBytesMax;
    // An answer before the whole request was sent: its bytes must not be read any more once this has settled.
    if (!request.writableFinished || isCut) request.destroy();
    resolve({
      statusCode: response.statusCode ?? 0,
      headers: response.headers,
      body: Buffer.concat(chunks).subarray(0, sizeBytesMax),
      isCut,
    });
  };
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > sizeBytesMax) finish();
  });
  response.on("end", finish);
  response.on("error", fail);
}
