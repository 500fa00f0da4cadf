import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

export interface ExportRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent one after another; must not change before the promise has settled. */
  readonly body: readonly Uint8Array[];
  readonly signal: AbortSignal;
}

export interface ExportResponse {
  readonly statusCode: number;
  readonly retryAfter: string | undefined;
  readonly contentType: string;
  /** At most the first 64 KiB. */
  readonly body: Buffer;
}

/** Posts a request; rejects with the error of the network (`code`), or with the signal's reason. */
export interface Transport {
  post(request: ExportRequest): Promise<ExportResponse>;
  close(): void;
}

/** An answer says little; a proxy's error page is not worth the memory. */
const responseSizeBytesMax = 64 * 1024;

/** HTTP/1.1 over kept connections. */
export function createHttpTransport(): Transport {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true, maxFreeSockets: 4 }),
    "https:": new HttpsAgent({ keepAlive: true, maxFreeSockets: 4 }),
  };
  return {
    post({ url, headers, body, signal }) {
      const isSecure = url.protocol === "https:";
      const agent = isSecure ? agents["https:"] : agents["http:"];
      const begin = isSecure ? httpsRequest : httpRequest;
      const sizeBytes = body.reduce((sum, { length }) => sum + length, 0);
      return new Promise((resolve, reject) => {
        const request = begin(url, {
          method: "POST",
          agent,
          signal,
          headers: { ...headers, "content-length": String(sizeBytes) },
        });
        request.on("error", (error) => reject(signal.aborted ? (signal.reason as Error) : error));
        request.on("response", (response) => collect(request, response, resolve, reject));
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

function collect(
  request: ClientRequest,
  response: IncomingMessage,
  resolve: (response: ExportResponse) => void,
  reject: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const finish = (): void => {
    // An answer before the whole request was sent: its bytes must not be read any more once this has settled.
    if (!request.writableFinished || sizeBytes >= responseSizeBytesMax) request.destroy();
    resolve({
      statusCode: response.statusCode ?? 0,
      retryAfter: response.headers["retry-after"],
      contentType: response.headers["content-type"] ?? "",
      body: Buffer.concat(chunks).subarray(0, responseSizeBytesMax),
    });
  };
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes >= responseSizeBytesMax) finish();
  });
  response.on("end", finish);
  response.on("error", reject);
}
