import { Agent } from "node:http";
import { gzipSync } from "node:zlib";
import { expect } from "vitest";
import { badSpan, bodies, encodings, goodSpan, mebibyte, protobufOf, signals, tracesJson } from "./bodies.ts";
import {
  callHttp,
  jsonType,
  openSocket,
  paths,
  protobufType,
  readResponse,
  readStatus,
  readUntil,
  type HttpAnswer,
} from "./client.ts";
import { writeByteByByte } from "./byte-by-byte.ts";
import { fact, factOf, type OtlpServer } from "./fact.ts";

/** A refusal: its status, and a Status in the encoding of the request that says something. */
function expectRefusal(answer: HttpAnswer, status: number, contentType: string): void {
  expect([answer.status, answer.headers["content-type"]]).toEqual([status, contentType]);
  const { message = "" } = readStatus(answer);
  expect(message.length).toBeGreaterThan(5);
}

/** Every answer of OTLP over HTTP. @see OTLP specification 1.11, "OTLP/HTTP" */
export function testHttp(endpoint: () => OtlpServer): void {
  const post = (
    path: string,
    body: Uint8Array | readonly Uint8Array[],
    headers: Record<string, string | number> = {},
    at = endpoint().http,
  ) => callHttp(at, { path, body, headers: { "content-type": protobufType, ...headers } });
  const postJson = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    post(path, Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), {
      "content-type": jsonType,
      ...headers,
    });
  const spans = protobufOf("spans", bodies.spans);

  for (const signal of signals)
    fact(
      "OTLP/HTTP: Full Success",
      `${signal} in protobuf are accepted, and answered in protobuf`,
      async () => {
        const answer = await post(paths[signal], protobufOf(signal, bodies[signal]));
        expect([answer.status, answer.headers["content-type"]]).toEqual([200, protobufType]);
        expect(readResponse(answer)?.rejected ?? 0).toBe(0);
      },
    );

  for (const signal of signals)
    fact(
      "OTLP/HTTP: JSON Protobuf Encoding",
      `${signal} in JSON are accepted, and answered in JSON`,
      async () => {
        const answer = await postJson(paths[signal], bodies[signal]);
        expect([answer.status, answer.headers["content-type"]]).toEqual([200, jsonType]);
        expect(readResponse(answer)?.rejected ?? 0).toBe(0);
      },
    );

  for (const signal of signals)
    fact("OTLP/HTTP: Full Success", `an empty request of ${signal} is a success`, async () => {
      expect((await post(paths[signal], new Uint8Array())).status).toBe(200);
      expect((await postJson(paths[signal], {})).status).toBe(200);
    });

  fact(
    "OTLP/HTTP: Partial Success",
    "a batch with a bad span is accepted in part: the count and a reason are given",
    async () => {
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
    },
  );

  fact("OTLP/HTTP: Bad Data", "a body that does not decode is refused with 400 and a Status", async () => {
    expectRefusal(await post(paths.spans, Buffer.from([0x0a, 0xff, 0x01])), 400, protobufType);
    expectRefusal(await postJson(paths.spans, '{"resourceSpans":['), 400, jsonType);
    expectRefusal(await postJson(paths.spans, '{"resourceSpans":5}'), 400, jsonType);
  });

  fact("OTLP/HTTP: Full Success", "a full success leaves partial_success unset", async () => {
    for (const signal of signals) {
      expect(readResponse(await post(paths[signal], protobufOf(signal, bodies[signal])))).toBeUndefined();
      expect(readResponse(await postJson(paths[signal], bodies[signal]))).toBeUndefined();
    }
  });

  for (const [what, more] of [
    ["hex ids of either case", { traceId: "ABCDEFabcdefABCDEFABCDEFABCDEF12" }],
    ["64-bit integers as numbers", { startTimeUnixNano: 1_700_000_000, endTimeUnixNano: 1_700_000_001 }],
    ["64-bit integers as strings", { startTimeUnixNano: "1700000000", endTimeUnixNano: "1700000001" }],
    ["unknown fields, and passes over them", { futureField: { a: [1] } }],
    ["no other names than lowerCamelCase: trace_id is an unknown field", { trace_id: 5 }],
  ] as const)
    fact("OTLP/HTTP: JSON Protobuf Encoding", `JSON takes ${what}`, async () => {
      const answer = await postJson(paths.spans, tracesJson({ ...goodSpan, ...more }));
      expect([answer.status, readResponse(answer)?.rejected ?? 0]).toEqual([200, 0]);
    });

  fact(
    "OTLP/HTTP: JSON Protobuf Encoding",
    "JSON refuses the names of enum values: only their numbers may be sent",
    async () => {
      expectRefusal(
        await postJson(paths.spans, tracesJson({ ...goodSpan, kind: "SPAN_KIND_SERVER" })),
        400,
        jsonType,
      );
    },
  );

  for (const [encoding, compress] of encodings)
    fact("OTLP/HTTP: Request", `a body in ${encoding} is accepted`, async () => {
      const body = compress(protobufOf("spans", bodies.spans));
      expect((await post(paths.spans, body, { "content-encoding": encoding })).status).toBe(200);
    });

  fact("OTLP/HTTP: Bad Data", "a broken gzip body is refused with 400 and a Status", async () => {
    const cut = gzipSync(protobufOf("spans", bodies.spans)).subarray(0, 30);
    expectRefusal(await post(paths.spans, cut, { "content-encoding": "gzip" }), 400, protobufType);
    expectRefusal(
      await post(paths.spans, Buffer.from("no gzip"), { "content-encoding": "gzip" }),
      400,
      protobufType,
    );
  });

  fact(
    "OTLP/HTTP: Failures",
    "an unknown encoding or content type is refused with 415 and a Status",
    async () => {
      const body = protobufOf("spans", bodies.spans);
      expectRefusal(await post(paths.spans, body, { "content-encoding": "br" }), 415, protobufType);
      const answer = await post(paths.spans, body, { "content-type": "text/plain" });
      expect(answer.status).toBe(415);
      expect(readStatus(answer).message).toMatch(/text\/plain/);
    },
  );

  fact("OTLP/HTTP: Failures", "another method is refused with 405, Allow and a Status", async () => {
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

  fact("OTLP/HTTP: Failures", "an unknown path is refused with 404 and a Status", async () => {
    expectRefusal(await post("/v1/nothing", new Uint8Array()), 404, protobufType);
    expectRefusal(await postJson("/", {}), 404, jsonType);
  });

  for (const [encoding, compress] of encodings)
    fact(
      "OTLP/HTTP: size limits (1.11)",
      `more than 64 MiB after ${encoding} is refused with 413 and a Status`,
      async () => {
        const bomb = compress(Buffer.alloc(80 * mebibyte));
        expectRefusal(await post(paths.spans, bomb, { "content-encoding": encoding }), 413, protobufType);
      },
    );

  fact(
    "OTLP/HTTP: size limits (1.11)",
    "a Content-Length over 64 MiB is refused with 413 before the body is sent",
    async () => {
      const socket = await openSocket(endpoint().http);
      socket.write(
        `POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: ${protobufType}\r\ncontent-length: ${100 * mebibyte}\r\n\r\n`,
      );
      socket.setTimeout(10_000, () => socket.destroy());
      expect(await readUntil(socket, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 413 /);
      socket.destroy();
    },
  );

  fact("OTLP/HTTP: Failures", "a client that still sends when it is refused hears the answer", async () => {
    const part = Buffer.alloc(mebibyte);
    const answer = await post(
      "/v1/nothing",
      Array.from({ length: 12 }, () => part),
    );
    expectRefusal(answer, 404, protobufType);
  });

  fact("RFC 9112, 7.1", "a chunked body is accepted", async () => {
    const body = protobufOf("spans", bodies.spans);
    expect(
      (await post(paths.spans, [body.subarray(0, 10), body.subarray(10, 11), body.subarray(11)])).status,
    ).toBe(200);
  });

  fact(
    "OTLP/HTTP: Connection",
    "a connection serves one request after another, a refused one among them",
    async () => {
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
    },
  );

  fact("RFC 9110, 10.1.1", "a client that asks to continue first is told to", async () => {
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

  fact("RFC 9112, 2", "a request that comes byte by byte is a request", async () => {
    const body = protobufOf("spans", bodies.spans);
    const head = `POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: ${protobufType}\r\ncontent-length: ${body.length}\r\n\r\n`;
    const socket = await openSocket(endpoint().http);
    await writeByteByByte(socket, Buffer.concat([Buffer.from(head), body]));
    expect(await readUntil(socket, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  fact("RFC 9112, 2.2", "what is no HTTP is told so, and others are served meanwhile", async () => {
    const socket = await openSocket(endpoint().http);
    socket.write("\x16\x03\x01\x00\xa5 this is the beginning of TLS, or of anything\r\n\r\n");
    expect(await readUntil(socket, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    socket.destroy();
    expect((await post(paths.spans, protobufOf("spans", bodies.spans))).status).toBe(200);
  });

  fact(
    "OTLP/HTTP: Bad Data",
    "text that is no UTF-8 does not pass: it is rejected in part, or with 400",
    async () => {
      const bytes = Buffer.from(protobufOf("spans", tracesJson({ ...goodSpan, name: "abc" }, goodSpan)));
      bytes[bytes.indexOf("abc")] = 0xff;
      const answer = await post(paths.spans, bytes);
      expect([200, 400]).toContain(answer.status);
      if (answer.status === 200) expect(readResponse(answer)?.rejected).toBe(1);
    },
  );

  fact("OTLP/HTTP: size limits (1.11)", "an answer stays below 4 MiB, however much is wrong", async () => {
    const answer = await post(
      paths.spans,
      protobufOf("spans", tracesJson(...Array.from({ length: 20_000 }, () => badSpan))),
    );
    expect([200, 400]).toContain(answer.status);
    expect(answer.body.length).toBeLessThan(4 * mebibyte);
  });

  fact("RFC 9659", "a window of 2 GiB in zstd is refused", async () => {
    // Magic, a frame header that asks for the window, and one raw block that is the last.
    const block = Buffer.alloc(3);
    block.writeUIntLE((spans.length << 3) | 1, 0, 3);
    const frame = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8]), block, spans]);
    const answer = await post(paths.spans, frame, { "content-encoding": "zstd" });
    expect([400, 413]).toContain(answer.status);
  });

  factOf("full", endpoint, [
    "OTLP/HTTP: Throttling",
    "a full queue is 429 or 503 with Retry-After and a Status",
    async (full) => {
      const answer = await post(paths.spans, spans, {}, full);
      expect([429, 503]).toContain(answer.status);
      expectRefusal(answer, answer.status, protobufType);
      expect(answer.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
    },
  ]);

  factOf("limited", endpoint, [
    "OTLP/HTTP: Throttling",
    "a client over its rate gets 429 with Retry-After and a Status",
    async (limited) => {
      const answers = await Promise.all([1, 2, 3].map(() => post(paths.spans, spans, {}, limited)));
      const refused = answers.find(({ status }) => status !== 200)!;
      expectRefusal(refused, 429, protobufType);
      expect(refused.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
    },
  ]);

  factOf("guarded", endpoint, [
    "RFC 6750",
    "without the token the answer is 401 with a Status, with it 200",
    async ({ endpoint: guarded, token }) => {
      const refused = await post(paths.spans, spans, {}, guarded);
      expectRefusal(refused, 401, protobufType);
      expect(refused.headers["www-authenticate"]).toMatch(/^Bearer/);
      const headers = { authorization: `Bearer ${token}` };
      expect((await post(paths.spans, spans, headers, guarded)).status).toBe(200);
    },
  ]);
}
