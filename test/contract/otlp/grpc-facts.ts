import { connect as connectHttp2 } from "node:http2";
import { gzipSync } from "node:zlib";
import { expect } from "vitest";
import { badSpan, bodies, encodings, goodSpan, mebibyte, protobufOf, signals, tracesJson } from "./bodies.ts";
import { byteByByte } from "./byte-by-byte.ts";
import { callGrpc, callGrpcOn, frameOf, openSocket, readResponseMessage } from "./client.ts";
import { fact, factOf, type OtlpServer } from "./fact.ts";

/** Every answer of OTLP over gRPC. @see OTLP specification 1.11, "OTLP/gRPC" */
export function testGrpc(endpoint: () => OtlpServer): void {
  const spans = frameOf(protobufOf("spans", bodies.spans));

  for (const signal of signals)
    fact("OTLP/gRPC: Full Success", `an export of ${signal} is OK`, async () => {
      const answer = await callGrpc(endpoint().grpc, {
        method: signal,
        frame: frameOf(protobufOf(signal, bodies[signal])),
      });
      expect(answer).toMatchObject({ httpStatus: 200, status: 0 });
      expect(answer.contentType).toMatch(/^application\/grpc/);
      expect(readResponseMessage(answer.response!)?.rejected ?? 0).toBe(0);
    });

  fact("OTLP/gRPC: Full Success", "a full success leaves partial_success unset", async () => {
    const answer = await callGrpc(endpoint().grpc, { method: "spans", frame: spans });
    expect(readResponseMessage(answer.response!)).toBeUndefined();
  });

  fact("OTLP/gRPC: Full Success", "an empty request is OK", async () => {
    const answer = await callGrpc(endpoint().grpc, { method: "spans", frame: frameOf(new Uint8Array()) });
    expect([answer.status, readResponseMessage(answer.response!)?.rejected ?? 0]).toEqual([0, 0]);
  });

  fact("OTLP/gRPC: Partial Success", "a batch with a bad span is accepted in part", async () => {
    const frame = frameOf(protobufOf("spans", tracesJson(badSpan, goodSpan, badSpan)));
    const answer = await callGrpc(endpoint().grpc, { method: "spans", frame });
    expect(answer.status).toBe(0);
    expect(readResponseMessage(answer.response!)?.rejected).toBe(2);
  });

  for (const [encoding, compress] of encodings)
    fact("OTLP/gRPC: Request", `a message in ${encoding} is accepted`, async () => {
      const isCompressed = encoding !== "identity";
      const frame = frameOf(compress(protobufOf("spans", bodies.spans)), isCompressed);
      const headers = { "grpc-encoding": encoding };
      expect((await callGrpc(endpoint().grpc, { method: "spans", frame, headers })).status).toBe(0);
    });

  fact(
    "gRPC: Compression",
    "an unknown encoding is UNIMPLEMENTED, and the known ones are named",
    async () => {
      const frame = frameOf(Buffer.from("x"), true);
      const answer = await callGrpc(endpoint().grpc, {
        method: "spans",
        frame,
        headers: { "grpc-encoding": "snappier" },
      });
      expect(answer.status).toBe(12);
      expect(answer.acceptEncoding).toContain("gzip");
    },
  );

  fact("gRPC: Status codes", "an unknown method is UNIMPLEMENTED", async () => {
    const answer = await callGrpc(endpoint().grpc, {
      method: "/nobody.Knows/Export",
      frame: frameOf(new Uint8Array()),
    });
    expect(answer).toMatchObject({ httpStatus: 200, status: 12 });
  });

  for (const [what, frame] of [
    ["that does not decode", frameOf(Buffer.from([0x0a, 0xff, 0x01]))],
    ["cut short", frameOf(Buffer.alloc(100)).subarray(0, 50)],
    ["whose compressed flag is 2", Buffer.concat([Buffer.from([2]), frameOf(new Uint8Array()).subarray(1)])],
  ] as const)
    fact("OTLP/gRPC: Failures", `a message ${what} is refused for good`, async () => {
      const { status, details } = await callGrpc(endpoint().grpc, { method: "spans", frame });
      // UNKNOWN, INVALID_ARGUMENT, INTERNAL: a client gives up on all of them.
      expect([2, 3, 13]).toContain(status);
      expect(details.toString("latin1")).not.toContain("RetryInfo");
    });

  fact(
    "OTLP/gRPC: size limits (1.11)",
    "more than 64 MiB after decompression is RESOURCE_EXHAUSTED without RetryInfo",
    async () => {
      const frame = frameOf(gzipSync(Buffer.alloc(80 * mebibyte)), true);
      const answer = await callGrpc(endpoint().grpc, {
        method: "spans",
        frame,
        headers: { "grpc-encoding": "gzip" },
      });
      expect(answer.status).toBe(8);
      expect(answer.details.toString("latin1")).not.toContain("RetryInfo");
    },
  );

  fact("OTLP/gRPC: Concurrent Requests", "calls share one connection", async () => {
    const session = connectHttp2(`http://${endpoint().grpc}`);
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => callGrpcOn(session, { method: "spans", frame: spans })),
    );
    session.destroy();
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([0]));
  });

  fact("RFC 9113, 3.4", "a preface that comes byte by byte is a preface", async () => {
    const socket = await openSocket(endpoint().grpc);
    const slow = byteByByte(socket);
    const answer = await callGrpc(endpoint().grpc, { method: "spans", frame: spans }, () => slow as never);
    socket.destroy();
    expect(answer.status).toBe(0);
  });

  factOf("full", endpoint, [
    "OTLP/gRPC: Throttling",
    "a full queue is UNAVAILABLE with RetryInfo",
    async (full) => {
      const answer = await callGrpc(full, { method: "spans", frame: spans });
      expect(answer.status).toBe(14);
      expect(answer.details.toString("latin1")).toContain("google.rpc.RetryInfo");
    },
  ]);

  factOf("limited", endpoint, [
    "OTLP/gRPC: Throttling",
    "a client over its rate is RESOURCE_EXHAUSTED with RetryInfo",
    async (limited) => {
      const calls = [1, 2, 3].map(() => callGrpc(limited, { method: "spans", frame: spans }));
      const refused = (await Promise.all(calls)).find(({ status }) => status !== 0)!;
      expect(refused.status).toBe(8);
      expect(refused.details.toString("latin1")).toContain("google.rpc.RetryInfo");
    },
  ]);

  factOf("guarded", endpoint, [
    "gRPC: Status codes",
    "without the token a call is UNAUTHENTICATED, with it OK",
    async ({ endpoint: guarded, token }) => {
      expect((await callGrpc(guarded, { method: "spans", frame: spans })).status).toBe(16);
      const headers = { authorization: `Bearer ${token}` };
      expect((await callGrpc(guarded, { method: "spans", frame: spans, headers })).status).toBe(0);
    },
  ]);
}
