import {
  createSecureServer as createHttp2TlsServer,
  createServer as createHttp2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import {
  createGrpcChannel,
  createHttpTransport,
  createOtlpGrpcBackEnd,
  createOtlpHttpBackEnd,
  grpcUrl,
  signalUrl,
} from "../../../packages/collector/src/export/index.ts";
import {
  decodeRequest,
  encodeRequest,
  encodeRetryStatus,
} from "../../../packages/collector/src/otlp/index.ts";
import { listenKind, startHttpKind, tlsOptions } from "./http-kind.ts";
import type { ExporterKind, KindAnswer, KindBackend, ServerTls } from "./kind.ts";

export const otlpHttpKind: ExporterKind = {
  type: "otlp_http",
  signal: "traces",
  compressions: ["none", "gzip", "zstd"],
  startBackend: ({ tls } = {}) =>
    startHttpKind({ idsOf: (body, headers) => idsOf(decompress(body, headers["content-encoding"])) }, tls),
  open({ endpoint, way, compression, clock }) {
    const transport = createHttpTransport(way);
    return {
      createBackEnd: (signal) =>
        createOtlpHttpBackEnd({
          url: signalUrl(way.exporter, endpoint, signal),
          compression,
          transport,
          clock,
        }),
      close: () => transport.close(),
    };
  },
  encodeRecord,
};

export const otlpGrpcKind: ExporterKind = {
  type: "otlp_grpc",
  signal: "traces",
  compressions: ["none", "gzip", "zstd"],
  startBackend: startGrpc,
  open({ endpoint, way, compression, clock }) {
    const channel = createGrpcChannel({ ...way, url: grpcUrl(way.exporter, endpoint) });
    return {
      createBackEnd: (signal) => createOtlpGrpcBackEnd({ signal, compression, channel, clock }),
      close: () => channel.close(),
    };
  },
  encodeRecord,
};

function encodeRecord(id: string, itemCount: number): Uint8Array {
  const span = { traceId: "0".repeat(31) + "1", spanId: "0".repeat(15) + "1", name: id };
  const spans = Array.from({ length: itemCount }, () => span);
  return encodeRequest("spans", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
}

interface Decoded {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string }[] }[];
  }[];
}

/** One id for each record: every record is a resource of its own. */
function idsOf(body: Buffer): string[] {
  const { resourceSpans } = decodeRequest("spans", body) as unknown as Decoded;
  return resourceSpans.map(({ scopeSpans }) => scopeSpans[0]!.spans[0]!.name);
}

function decompress(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding === "gzip") return gunzipSync(body);
  return encoding === "zstd" ? zstdDecompressSync(body) : body;
}

const grpcStatus = {
  accept: 0,
  accept_garbage: 0,
  busy: 14,
  refuse: 3,
  too_large: 8,
  unauthorized: 16,
  forbidden: 7,
  not_found: 12,
} as const;

async function startGrpc({ tls }: { readonly tls?: ServerTls } = {}): Promise<KindBackend> {
  const received: string[][] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = tls === undefined ? createHttp2Server() : createHttp2TlsServer(tlsOptions(tls));
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    // A client that gives up is part of the tests.
    stream.on("error", () => stream.close());
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      if (stream.aborted) return;
      const frame = Buffer.concat(chunks);
      const encoding = frame[0] === 1 ? (headers["grpc-encoding"] as string) : undefined;
      const ids = idsOf(decompress(frame.subarray(5, 5 + frame.readUInt32BE(1)), encoding));
      received.push(ids);
      if (headers[":path"] !== "/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        throw new Error(`there is no ${headers[":path"]}`);
      replyGrpc(stream, backend.answer(ids));
    });
  });
  const backend: KindBackend = {
    endpoint: await listenKind(server, tls),
    received,
    answer: () => ({ kind: "accept" }),
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return backend;
}

function replyGrpc(stream: ServerHttp2Stream, answer: KindAnswer): void {
  switch (answer.kind) {
    case "silence":
      return;
    case "hang_up":
      stream.session?.destroy();
      return;
    case "error_page":
      stream.respond({ ":status": 503, "content-type": "text/html" });
      stream.end("x".repeat(answer.sizeBytes));
      return;
    case "accept":
    case "accept_garbage":
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(answer.kind === "accept" ? Buffer.alloc(5) : Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]));
      return;
    case "busy":
    case "refuse":
    case "too_large":
    case "unauthorized":
    case "forbidden":
    case "not_found":
      stream.respond(
        { ":status": 200, "content-type": "application/grpc", ...grpcTrailers(answer) },
        { endStream: true },
      );
  }
}

function grpcTrailers(
  answer: Extract<KindAnswer, { kind: keyof typeof grpcStatus }>,
): Record<string, string> {
  const code = grpcStatus[answer.kind];
  const message = answer.kind === "refuse" ? answer.message : "";
  const retryAfterSeconds = answer.kind === "busy" ? answer.retryAfterSeconds : undefined;
  return {
    "grpc-status": String(code),
    "grpc-message": message,
    ...(retryAfterSeconds === undefined
      ? {}
      : {
          "grpc-status-details-bin": encodeRetryStatus({
            code,
            message,
            retryAfterMs: retryAfterSeconds * 1_000,
          })
            .toString("base64")
            .replace(/=+$/, ""),
        }),
  };
}
