import { Agent } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import {
  callGrpc,
  callGrpcOn,
  callHttp,
  frameOf,
  jsonType,
  openSocket,
  paths,
  protobufType,
  readResponse,
  readResponseMessage,
  readStatus,
  readUntil,
  type HttpAnswer,
} from "./client.ts";
import { badSpan, goodSpan, logsJson, metricsJson, protobufOf, tracesJson } from "./bodies.ts";

export interface OtlpEndpoint {
  /** host:port of OTLP over HTTP, and of gRPC; they may be the same. */
  readonly http: string;
  readonly grpc: string;
}

const mebibyte = 1024 * 1024;
const bodies = { spans: tracesJson(goodSpan), logs: logsJson, metrics: metricsJson } as const;
const signals = ["spans", "logs", "metrics"] as const;

/** A refusal: its status, and a Status in the encoding of the request that says something. */
function expectRefusal(answer: HttpAnswer, status: number, contentType: string): void {
  expect([answer.status, answer.headers["content-type"]]).toEqual([status, contentType]);
  const { message = "" } = readStatus(answer);
  expect(message.length).toBeGreaterThan(5);
}

/**
 * What every OTLP server owes to its clients, from outside: any endpoint will do.
 * @see OTLP specification 1.11
 */
export function testOtlpServer(endpoint: () => OtlpEndpoint): void {
  const post = (
    path: string,
    body: Uint8Array | readonly Uint8Array[],
    headers: Record<string, string | number> = {},
  ) => callHttp(endpoint().http, { path, body, headers: { "content-type": protobufType, ...headers } });
  const postJson = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    post(path, Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), {
      "content-type": jsonType,
      ...headers,
    });

  describe("HTTP", () => {
    test.each(signals)(
      "%s in protobuf are accepted, and the answer is a response without partial success",
      async (signal) => {
        const answer = await post(paths[signal], protobufOf(signal, bodies[signal]));
        expect([answer.status, answer.headers["content-type"]]).toEqual([200, protobufType]);
        expect(readResponse(answer)).toBeUndefined();
      },
    );

    test.each(signals)("%s in JSON are accepted, and answered in JSON", async (signal) => {
      const answer = await postJson(paths[signal], bodies[signal]);
      expect([answer.status, answer.headers["content-type"]]).toEqual([200, jsonType]);
      expect(readResponse(answer)).toBeUndefined();
    });

    test.each(signals)("an empty request of %s is a success", async (signal) => {
      expect((await post(paths[signal], new Uint8Array())).status).toBe(200);
      expect((await postJson(paths[signal], {})).status).toBe(200);
    });

    test("a batch with a bad span is accepted in part: the count and a reason are given", async () => {
      const request = tracesJson(goodSpan, badSpan);
      for (const answer of [
        await post(paths.spans, protobufOf("spans", request)),
        await postJson(paths.spans, request),
      ]) {
        expect(answer.status).toBe(200);
        const partial = readResponse(answer);
        expect(partial?.rejected).toBe(1);
        expect(partial?.errorMessage).toMatch(/id/);
      }
    });

    test("a body that does not decode is refused with 400 and a Status", async () => {
      expectRefusal(await post(paths.spans, Buffer.from([0x0a, 0xff, 0x01])), 400, protobufType);
      expectRefusal(await postJson(paths.spans, '{"resourceSpans":['), 400, jsonType);
      expectRefusal(await postJson(paths.spans, '{"resourceSpans":5}'), 400, jsonType);
    });

    test("JSON takes hex ids of either case, 64-bit integers as numbers or strings, and passes over unknown fields", async () => {
      const spans = [
        { ...goodSpan, traceId: "ABCDEFABCDEFABCDEFABCDEFABCDEF12" },
        { ...goodSpan, startTimeUnixNano: 1_700_000_000, endTimeUnixNano: "1700000001" },
        { ...goodSpan, futureField: { a: 1 }, trace_id: 5 },
      ];
      const answer = await postJson(paths.spans, tracesJson(...spans));
      expect([answer.status, readResponse(answer)]).toEqual([200, undefined]);
    });

    test("JSON refuses the names of enum values: only their numbers may be sent", async () => {
      expectRefusal(
        await postJson(paths.spans, tracesJson({ ...goodSpan, kind: "SPAN_KIND_SERVER" })),
        400,
        jsonType,
      );
    });

    test.each([
      ["gzip", gzipSync],
      ["zstd", zstdCompressSync],
      ["deflate", deflateSync],
      ["identity", (body: Uint8Array) => Buffer.from(body)],
    ] as const)("a body in %s is accepted", async (encoding, compress) => {
      const body = compress(protobufOf("spans", bodies.spans));
      expect((await post(paths.spans, body, { "content-encoding": encoding })).status).toBe(200);
    });

    test("a broken gzip body is refused with 400 and a Status", async () => {
      const cut = gzipSync(protobufOf("spans", bodies.spans)).subarray(0, 30);
      expectRefusal(await post(paths.spans, cut, { "content-encoding": "gzip" }), 400, protobufType);
      expectRefusal(
        await post(paths.spans, Buffer.from("no gzip"), { "content-encoding": "gzip" }),
        400,
        protobufType,
      );
    });

    test("an unknown encoding or content type is refused with 415 and a Status", async () => {
      const body = protobufOf("spans", bodies.spans);
      expectRefusal(await post(paths.spans, body, { "content-encoding": "br" }), 415, protobufType);
      const answer = await post(paths.spans, body, { "content-type": "text/plain" });
      expect(answer.status).toBe(415);
      expect(readStatus(answer).message).toMatch(/text\/plain/);
    });

    test("another method is refused with 405, Allow and a Status", async () => {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const answer = await callHttp(endpoint().http, {
          path: paths.spans,
          method,
          headers: { "content-type": jsonType },
        });
        expectRefusal(answer, 405, jsonType);
        expect(answer.headers.allow).toBe("POST");
      }
    });

    test("an unknown path is refused with 404 and a Status", async () => {
      expectRefusal(await post("/v1/nothing", new Uint8Array()), 404, protobufType);
      expectRefusal(await postJson("/", {}), 404, jsonType);
    });

    test("more than 64 MiB after decompression is refused with 413 and a Status, whatever it was before", async () => {
      for (const [encoding, compress] of [
        ["gzip", gzipSync],
        ["zstd", zstdCompressSync],
      ] as const) {
        const bomb = compress(Buffer.alloc(80 * mebibyte));
        expectRefusal(await post(paths.spans, bomb, { "content-encoding": encoding }), 413, protobufType);
      }
    });

    test("a Content-Length over 64 MiB is refused with 413 before the body is sent", async () => {
      const socket = await openSocket(endpoint().http);
      socket.write(
        `POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: ${protobufType}\r\ncontent-length: ${100 * mebibyte}\r\n\r\n`,
      );
      expect(await readUntil(socket, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 413 /);
      socket.destroy();
    });

    test("a client that still sends when it is refused hears the answer", async () => {
      const part = Buffer.alloc(mebibyte);
      const answer = await post(
        "/v1/nothing",
        Array.from({ length: 12 }, () => part),
      );
      expectRefusal(answer, 404, protobufType);
    });

    test("a chunked body is accepted", async () => {
      const body = protobufOf("spans", bodies.spans);
      expect(
        (await post(paths.spans, [body.subarray(0, 10), body.subarray(10, 11), body.subarray(11)])).status,
      ).toBe(200);
    });

    test("a connection serves one request after another, a refused one among them", async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const call = (path: string) =>
        callHttp(endpoint().http, {
          path,
          agent,
          body: protobufOf("spans", bodies.spans),
          headers: { "content-type": protobufType },
        });
      const statuses: number[] = [];
      for (const path of ["/v1/traces", "/v1/nothing", "/v1/traces"])
        statuses.push((await call(path)).status);
      agent.destroy();
      expect(statuses).toEqual([200, 404, 200]);
    });

    test("a client that asks to continue first is told to", async () => {
      const body = protobufOf("spans", bodies.spans);
      const socket = await openSocket(endpoint().http);
      socket.write(
        `POST /v1/traces HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-type: ${protobufType}\r\ncontent-length: ${body.length}\r\n\r\n`,
      );
      expect(await readUntil(socket, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 100 /);
      socket.write(body);
      expect(await readUntil(socket, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
      socket.destroy();
    });

    test("a request that comes byte by byte is a request", async () => {
      const body = protobufOf("spans", bodies.spans);
      const head = `POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: ${protobufType}\r\ncontent-length: ${body.length}\r\n\r\n`;
      const socket = await openSocket(endpoint().http);
      await writeByteByByte(socket, Buffer.concat([Buffer.from(head), body]));
      expect(await readUntil(socket, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
      socket.destroy();
    });

    test("what is no HTTP is told so, and others are served meanwhile", async () => {
      const socket = await openSocket(endpoint().http);
      socket.write("\x16\x03\x01\x00\xa5 this is the beginning of TLS, or of anything\r\n\r\n");
      expect(await readUntil(socket, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
      socket.destroy();
      expect((await post(paths.spans, protobufOf("spans", bodies.spans))).status).toBe(200);
    });
  });

  describe("gRPC", () => {
    test.each(signals)("an export of %s is OK, and its response has no partial success", async (signal) => {
      const answer = await callGrpc(endpoint().grpc, {
        method: signal,
        frame: frameOf(protobufOf(signal, bodies[signal])),
      });
      expect(answer).toMatchObject({ httpStatus: 200, status: 0 });
      expect(answer.contentType).toMatch(/^application\/grpc/);
      expect(readResponseMessage(answer.response!)).toBeUndefined();
    });

    test("an empty request is OK", async () => {
      const answer = await callGrpc(endpoint().grpc, { method: "spans", frame: frameOf(new Uint8Array()) });
      expect([answer.status, answer.response?.length]).toEqual([0, 0]);
    });

    test("a batch with a bad span is accepted in part", async () => {
      const frame = frameOf(protobufOf("spans", tracesJson(badSpan, goodSpan, badSpan)));
      const answer = await callGrpc(endpoint().grpc, { method: "spans", frame });
      expect(answer.status).toBe(0);
      expect(readResponseMessage(answer.response!)?.rejected).toBe(2);
    });

    test("a message in gzip is accepted", async () => {
      const frame = frameOf(gzipSync(protobufOf("spans", bodies.spans)), true);
      const answer = await callGrpc(endpoint().grpc, {
        method: "spans",
        frame,
        headers: { "grpc-encoding": "gzip" },
      });
      expect(answer.status).toBe(0);
    });

    test("an unknown encoding is UNIMPLEMENTED, and the known ones are named", async () => {
      const frame = frameOf(Buffer.from("x"), true);
      const answer = await callGrpc(endpoint().grpc, {
        method: "spans",
        frame,
        headers: { "grpc-encoding": "snappier" },
      });
      expect(answer.status).toBe(12);
      expect(answer.acceptEncoding).toContain("gzip");
    });

    test("an unknown method is UNIMPLEMENTED", async () => {
      const answer = await callGrpc(endpoint().grpc, {
        method: "/nobody.Knows/Export",
        frame: frameOf(new Uint8Array()),
      });
      expect(answer).toMatchObject({ httpStatus: 200, status: 12 });
    });

    test.each([
      ["that does not decode", frameOf(Buffer.from([0x0a, 0xff, 0x01]))],
      ["cut short", frameOf(Buffer.alloc(100)).subarray(0, 50)],
    ])("a message %s is refused for good", async (_, frame) => {
      const { status, details } = await callGrpc(endpoint().grpc, { method: "spans", frame });
      // INVALID_ARGUMENT or INTERNAL: a client gives up on both.
      expect([3, 13]).toContain(status);
      expect(details.toString("latin1")).not.toContain("RetryInfo");
    });

    test("more than 64 MiB after decompression is RESOURCE_EXHAUSTED without RetryInfo", async () => {
      const frame = frameOf(gzipSync(Buffer.alloc(80 * mebibyte)), true);
      const answer = await callGrpc(endpoint().grpc, {
        method: "spans",
        frame,
        headers: { "grpc-encoding": "gzip" },
      });
      expect(answer.status).toBe(8);
      expect(answer.details.toString("latin1")).not.toContain("RetryInfo");
    });

    test("calls share one connection", async () => {
      const session = connectHttp2(`http://${endpoint().grpc}`);
      const frame = frameOf(protobufOf("spans", bodies.spans));
      const answers = await Promise.all(
        Array.from({ length: 30 }, () => callGrpcOn(session, { method: "spans", frame })),
      );
      session.destroy();
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([0]));
    });

    test("a preface that comes byte by byte is a preface", async () => {
      const socket = await openSocket(endpoint().grpc);
      const slow = byteByByte(socket);
      const answer = await callGrpc(
        endpoint().grpc,
        { method: "spans", frame: frameOf(protobufOf("spans", bodies.spans)) },
        () => slow as never,
      );
      socket.destroy();
      expect(answer.status).toBe(0);
    });
  });
}

async function writeByteByByte(socket: Duplex, bytes: Uint8Array): Promise<void> {
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]));
    await turn();
  }
}

/** A connection that sends its first hundred bytes one at a time. */
function byteByByte(socket: Duplex): Duplex {
  let slowBytes = 100;
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const slow = chunk.subarray(0, slowBytes);
      slowBytes -= slow.length;
      writeByteByByte(socket, slow).then(
        () => socket.write(chunk.subarray(slow.length), done),
        (error: Error) => done(error),
      );
    },
  });
  socket.on("data", (chunk: Buffer) => duplex.push(chunk));
  socket.on("close", () => duplex.destroy());
  return duplex;
}
