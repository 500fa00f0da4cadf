import { request as httpRequest, type Agent, type IncomingHttpHeaders } from "node:http";
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type IncomingHttpHeaders as Http2Headers,
} from "node:http2";
import { connect, type Socket } from "node:net";
import { oracleDecode, root, type Signal } from "./schema.ts";

/** OTLP clients written for these tests alone: they send what no SDK would, and hide nothing of the answer. */

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface HttpCall {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string | number>;
  /** Several parts are sent chunked. */
  readonly body?: Uint8Array | readonly Uint8Array[];
  readonly agent?: Agent;
}

export const paths: Readonly<Record<Signal, string>> = {
  spans: "/v1/traces",
  logs: "/v1/logs",
  metrics: "/v1/metrics",
};

/** One HTTP/1.1 request on a connection of its own, if `agent` says nothing else. */
export function callHttp(
  endpoint: string,
  { path, method = "POST", headers = {}, body, agent }: HttpCall,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      `http://${endpoint}${path}`,
      { method, headers, agent: agent ?? false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    outgoing.on("error", reject);
    if (body === undefined || body instanceof Uint8Array) outgoing.end(body);
    else {
      for (const part of body) outgoing.write(part);
      outgoing.end();
    }
  });
}

export const protobufType = "application/x-protobuf";
export const jsonType = "application/json";

/** What an Export…ServiceResponse says, from either encoding. */
export function readResponse({
  headers,
  body,
}: HttpAnswer): { rejected: number; errorMessage: string } | undefined {
  if (headers["content-type"] === jsonType) {
    const { partialSuccess } = JSON.parse(body.toString()) as { partialSuccess?: Record<string, string> };
    if (partialSuccess === undefined) return undefined;
    const { errorMessage = "", ...counts } = partialSuccess;
    return { rejected: Number(Object.values(counts)[0] ?? 0), errorMessage };
  }
  return readResponseMessage(body);
}

export function readResponseMessage(
  bytes: Uint8Array,
): { rejected: number; errorMessage: string } | undefined {
  const { partialSuccess } = oracleDecode(root.lookupType("ExportResponse"), bytes) as {
    partialSuccess?: { rejected?: string; errorMessage?: string };
  };
  if (partialSuccess === undefined) return undefined;
  return { rejected: Number(partialSuccess.rejected ?? 0), errorMessage: partialSuccess.errorMessage ?? "" };
}

/** A google.rpc.Status, from either encoding. */
export function readStatus({ headers, body }: HttpAnswer): { code?: number; message?: string } {
  if (headers["content-type"] === jsonType)
    return JSON.parse(body.toString()) as { code?: number; message?: string };
  return oracleDecode(root.lookupType("RpcStatus"), body) as { code?: number; message?: string };
}

export interface GrpcAnswer {
  readonly httpStatus: number;
  readonly contentType: string | undefined;
  /** -1 when there is none. */
  readonly status: number;
  readonly message: string;
  readonly acceptEncoding: string;
  /** `grpc-status-details-bin`; empty when there is none. */
  readonly details: Buffer;
  /** The message without its prefix; undefined when none came. */
  readonly response: Buffer | undefined;
}

export interface GrpcCall {
  /** A path, or the signal whose Export is called. */
  readonly method: Signal | `/${string}`;
  /** With its five-byte prefix. */
  readonly frame: Uint8Array;
  readonly headers?: Record<string, string>;
}

const services: Readonly<Record<Signal, string>> = {
  spans: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
  logs: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
  metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
};

export function frameOf(message: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** A unary call on a session that stays open. */
export function callGrpcOn(
  session: ClientHttp2Session,
  { method, frame, headers = {} }: GrpcCall,
): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": method.startsWith("/") ? method : services[method as Signal],
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    let answered: Http2Headers = {};
    let trailers: Http2Headers = {};
    const chunks: Buffer[] = [];
    stream.on("response", (given) => (answered = given));
    stream.on("trailers", (given) => (trailers = given));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => {
      const all = { ...answered, ...trailers };
      const text = (name: string) => String(all[name] ?? "");
      const body = Buffer.concat(chunks);
      resolve({
        httpStatus: Number(all[":status"] ?? 0),
        contentType: all["content-type"],
        status: all["grpc-status"] === undefined ? -1 : Number(all["grpc-status"]),
        message: decodeURIComponent(text("grpc-message")),
        acceptEncoding: text("grpc-accept-encoding"),
        details: Buffer.from(text("grpc-status-details-bin"), "base64"),
        response: body.length < 5 ? undefined : body.subarray(5, 5 + body.readUInt32BE(1)),
      });
    });
    stream.end(frame);
  });
}

/** A unary call on a connection of its own; `openSocket` may bring a peculiar one. */
export async function callGrpc(
  endpoint: string,
  call: GrpcCall,
  openSocket?: () => Socket,
): Promise<GrpcAnswer> {
  const session = connectHttp2(
    `http://${endpoint}`,
    openSocket === undefined ? {} : { createConnection: openSocket },
  );
  const failed = new Promise<never>((_, reject) => session.once("error", reject));
  try {
    return await Promise.race([callGrpcOn(session, call), failed]);
  } finally {
    session.destroy();
  }
}

/** A plain TCP connection. */
export function openSocket(endpoint: string): Promise<Socket> {
  const { hostname, port } = new URL(`http://${endpoint}`);
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port), noDelay: true },
      () => resolve(socket),
    );
    socket.once("error", reject);
  });
}

/** What the server says on a raw connection until it holds `wanted` or ends. */
export function readUntil(socket: Socket, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const take = (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.includes(wanted)) done();
    };
    const done = () => {
      socket.off("data", take);
      resolve(text);
    };
    socket.on("data", take);
    socket.once("close", done);
    socket.once("error", reject);
  });
}
