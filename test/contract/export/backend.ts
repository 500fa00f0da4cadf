import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { uncompressSnappy } from "../../../packages/collector/src/otlp/index.ts";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. */
  readonly body: Buffer;
}

export type Answer =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: Uint8Array | string;
    }
  /** Closes the connection instead of answering. */
  | "hang_up"
  /** Never answers. */
  | "silence";

/** A back end on loopback that answers as the test says and remembers what it was sent. */
export interface TestBackend extends AsyncDisposable {
  readonly endpoint: string;
  readonly requests: readonly ReceivedRequest[];
  /** How many connections were made to it. */
  readonly connectionCount: number;
  /** Decides what each request gets. */
  answer: (request: ReceivedRequest) => Answer | Promise<Answer>;
}

export async function startTestBackend(): Promise<TestBackend> {
  const requests: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    void receive(request).then(async (received) => {
      requests.push(received);
      reply(response, await backend.answer(received));
    });
  });
  let connectionCount = 0;
  server.on("connection", () => (connectionCount += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const backend: TestBackend = {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    get connectionCount() {
      return connectionCount;
    },
    answer: () => ({ status: 200 }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return backend;
}

async function receive(request: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const raw = Buffer.concat(chunks);
  const { headers } = request;
  const encoding = headers["content-encoding"];
  return {
    method: request.method ?? "",
    path: request.url ?? "",
    headers,
    body: decompress(raw, encoding ?? "identity"),
  };
}

function decompress(raw: Buffer, encoding: string): Buffer {
  switch (encoding) {
    case "gzip":
      return gunzipSync(raw);
    case "zstd":
      return zstdDecompressSync(raw);
    case "snappy":
      return uncompressSnappy(raw, 64 * 1024 * 1024);
    default:
      return raw;
  }
}

function reply(response: ServerResponse, answer: Answer): void {
  if (answer === "silence") return;
  if (answer === "hang_up") {
    response.destroy();
    return;
  }
  response.writeHead(answer.status, { "content-type": "application/x-protobuf", ...answer.headers });
  response.end(answer.body ?? "");
}
