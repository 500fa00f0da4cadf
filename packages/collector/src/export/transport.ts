import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

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

export interface TransportSettings {
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
}

const responseSizeBytesMaxUsual = 64 * 1024;

/** HTTP/1.1 over kept connections. */
export function createHttpTransport(settings: TransportSettings): Transport {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true, maxFreeSockets: 4 }),
    "https:": new HttpsAgent({ keepAlive: true, maxFreeSockets: 4 }),
  };
  const common: Record<string, string> = { "user-agent": "quartet-collector" };
  for (const [name, value] of Object.entries(settings.headers)) common[name.toLowerCase()] = value;
  return {
    send({ method, url, headers, body, signal, responseSizeBytesMax = responseSizeBytesMaxUsual }) {
      const isSecure = url.protocol === "https:";
      const agent = isSecure ? agents["https:"] : agents["http:"];
      const begin = isSecure ? httpsRequest : httpRequest;
      const sizeBytes = body.reduce((sum, { length }) => sum + length, 0);
      return new Promise((resolve, reject) => {
        const request = begin(url, {
          method,
          agent,
          signal,
          headers: { ...common, ...headers, "content-length": String(sizeBytes) },
        });
        request.on("error", (error) => reject(signal.aborted ? (signal.reason as Error) : error));
        request.on("response", (response) =>
          collect({ request, response, sizeBytesMax: responseSizeBytesMax, resolve, reject }),
        );
        for (const piece of body) request.write(piece);
        request.end();
      });
    },
    close() {
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

function collect(exchange: {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
  readonly sizeBytesMax: number;
  readonly resolve: (response: ExportResponse) => void;
  readonly reject: (error: Error) => void;
}): void {
  const { request, response, sizeBytesMax, resolve, reject } = exchange;
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
  response.on("error", reject);
}
