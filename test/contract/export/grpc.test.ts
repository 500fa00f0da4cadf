import {
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
} from "node:http2";
import { expect, test } from "vitest";
import {
  createGrpcChannel,
  createOtlpGrpcBackEnd,
  grpcUrl,
  type Compression,
} from "../../../packages/collector/src/export/index.ts";
import { encodeExportResponse, encodeRetryStatus } from "../../../packages/collector/src/otlp/index.ts";
import { openBench, untilDelay, untilSettled, wayOf, type Bench } from "./harness.ts";
import { listenKind } from "./http-kind.ts";

interface Call {
  readonly headers: IncomingHttpHeaders;
  /** With its prefix. */
  readonly body: Buffer;
  readonly session: ServerHttp2Session;
}

interface Reply {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer;
  readonly trailers?: OutgoingHttpHeaders;
}

interface Started extends AsyncDisposable {
  readonly bench: Bench;
  readonly calls: readonly Call[];
  readonly sessionCount: number;
  reply: (call: Call) => Reply;
  append(text: string, itemCount?: number): Promise<void>;
}

const frame = (message: Buffer): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
};
const ok: Reply = { body: frame(Buffer.alloc(0)), trailers: { "grpc-status": "0" } };
/** A status without a message comes in the headers, and nothing behind them. */
const status = (code: number, more: OutgoingHttpHeaders = {}): Reply => ({
  headers: { "grpc-status": String(code), ...more },
});

/** A gRPC exporter of traces before a server that answers to the letter what a test says. */
async function start(compression: Compression = "none"): Promise<Started> {
  const calls: Call[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const call = { headers, body: Buffer.concat(chunks), session: stream.session as ServerHttp2Session };
      calls.push(call);
      const { headers: first = {}, body, trailers } = started.reply(call);
      const all = { ":status": 200, "content-type": "application/grpc", ...first };
      if (trailers === undefined && body === undefined) {
        stream.respond(all, { endStream: true });
        return;
      }
      stream.respond(all, { waitForTrailers: trailers !== undefined });
      if (trailers !== undefined) stream.on("wantTrailers", () => stream.sendTrailers(trailers));
      stream.end(body);
    });
  });
  const endpoint = await listenKind(server, undefined);
  const bench = openBench({
    signal: "traces",
    stream: "spans",
    open: (clock) => {
      const way = wayOf({ headers: { "X-Scope": "team" } });
      const channel = createGrpcChannel({ ...way, url: grpcUrl("jaeger", endpoint) });
      return {
        createBackEnd: (signal) => createOtlpGrpcBackEnd({ signal, compression, channel, clock }),
        close: () => channel.close(),
      };
    },
  });
  const started: Started = {
    bench,
    calls,
    get sessionCount() {
      return sessions.size;
    },
    reply: () => ok,
    append: (text, itemCount = 1) => bench.appendBytes(Buffer.from(text), itemCount),
    async [Symbol.asyncDispose]() {
      await bench[Symbol.asyncDispose]();
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return started;
}

test("a call has the method, the metadata and the original bytes behind one prefix", async () => {
  await using one = await start();
  for (const text of ["one ", "two"]) await one.append(text);
  one.bench.exporter.start();
  await untilSettled(one.bench, 2);
  const [call] = one.calls;
  expect(call!.headers).toMatchObject({
    ":method": "POST",
    ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "content-type": "application/grpc",
    te: "trailers",
    "x-scope": "team",
  });
  expect(call!.headers["grpc-encoding"]).toBeUndefined();
  expect(call!.body).toEqual(frame(Buffer.from("one two")));
  expect(one.calls).toHaveLength(1);
});

test("what a partial success rejects is counted apart", async () => {
  await using one = await start();
  const partial = { rejectedCount: 3, message: "no name" };
  one.reply = () => ({
    ...ok,
    body: frame(encodeExportResponse("spans", "application/x-protobuf", partial)),
  });
  await one.append("a", 10);
  one.bench.exporter.start();
  await untilSettled(one.bench, 1);
  expect(await one.bench.metric("quartet_export_rejected_items_total")).toBe(3);
  expect(await one.bench.metric("quartet_export_sent_items_total")).toBe(7);
});

test.each([
  ["lists what it knows", { "grpc-accept-encoding": "identity,gzip" }],
  ["names what it lacks", { "grpc-message": 'Decompressor is not installed for grpc-encoding "zstd"' }],
])(
  "a server that does not know the compression and %s gets the same without, and all after it",
  async (_, said) => {
    await using one = await start("zstd");
    one.reply = ({ headers }) => (headers["grpc-encoding"] === "zstd" ? status(12, said) : ok);
    await one.append("a");
    one.bench.exporter.start();
    await untilSettled(one.bench, 1);
    await one.append("b");
    await untilSettled(one.bench, 2);
    expect(one.calls.map(({ headers }) => headers["grpc-encoding"])).toEqual(["zstd", undefined, undefined]);
    expect(one.calls.slice(1).map(({ body }) => body.subarray(5).toString())).toEqual(["a", "b"]);
  },
);

test("RESOURCE_EXHAUSTED with RetryInfo waits for that time, without it the batch is too large", async () => {
  await using one = await start();
  const details = encodeRetryStatus({ code: 8, message: "quota", retryAfterMs: 2_500 }).toString("base64");
  one.reply = () => status(8, { "grpc-status-details-bin": details });
  for (const text of ["a", "b"]) await one.append(text);
  one.bench.exporter.start();
  expect(await untilDelay(one.bench)).toBe(2_500);
  one.reply = ({ body }) => (body.length > 6 ? status(8) : ok);
  one.bench.clock.advance(2_500);
  await untilSettled(one.bench, 2);
  expect(one.calls.slice(-2).map(({ body }) => body.subarray(5).toString())).toEqual(["a", "b"]);
});

test("after GOAWAY the call under way ends, and the next one takes a new connection", async () => {
  await using one = await start();
  one.reply = ({ session }) => {
    session.goaway();
    return ok;
  };
  for (const [index, text] of ["a", "b", "c"].entries()) {
    await one.append(text);
    one.bench.exporter.start();
    await untilSettled(one.bench, index + 1);
  }
  expect(one.sessionCount).toBe(3);
  expect(one.calls.map(({ body }) => body.subarray(5).toString())).toEqual(["a", "b", "c"]);
  expect(await one.bench.metric("quartet_export_requests_total", { outcome: "retryable" })).toBe(0);
});

test("one connection serves call after call", async () => {
  await using one = await start();
  one.bench.exporter.start();
  for (let offset = 1; offset <= 5; offset += 1) {
    await one.append("a");
    await untilSettled(one.bench, offset);
  }
  expect(one.sessionCount).toBe(1);
});

test("an answer that ends without a status is tried again", async () => {
  await using one = await start();
  const replies: Reply[] = [{ body: frame(Buffer.alloc(0)) }];
  one.reply = () => replies.shift() ?? ok;
  await one.append("a");
  one.bench.exporter.start();
  one.bench.clock.advance(await untilDelay(one.bench));
  await untilSettled(one.bench, 1);
  expect(one.calls).toHaveLength(2);
});

test.each([
  [400, "unexpected_status"],
  [413, "unexpected_status"],
  [403, "unauthorized"],
  [404, "not_found"],
])(
  "what is no gRPC server and answers %s pauses the consumer, and the batch is not to blame",
  async (code, reason) => {
    await using one = await start();
    one.reply = () => ({ headers: { ":status": code, "content-type": "text/html" } });
    await one.append("a", 2);
    one.bench.exporter.start();
    await untilDelay(one.bench);
    expect(one.bench.exporter.status()).toMatchObject([
      { state: { kind: "paused", reason }, queuedItems: 2 },
    ]);
  },
);
