import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync, deflateSync } from "node:zlib";
import { expect, test, vi } from "vitest";
import { CollectorError } from "../model/index.ts";
import { countItems, decodeRequest, encodeRequest } from "../otlp/index.ts";
import { createTestClock, dial, goodTraceId, open, post, spanOf, traces } from "./open.test-kit.ts";

test("a protobuf batch reaches the journal byte for byte and is acknowledged without partial success", async () => {
  const { url, appended } = await open();
  const body = encodeRequest("spans", traces(spanOf(goodTraceId)));
  const answer = await post(`${url}/v1/traces`, body);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/x-protobuf");
  expect((await answer.arrayBuffer()).byteLength).toBe(0);
  expect(appended).toHaveLength(1);
  expect(Buffer.from(appended[0]!.batch.payload[0]!)).toEqual(Buffer.from(body));
  expect(appended[0]!.batch.itemCount).toBe(1);
});

test("JSON is transcoded to the same protobuf, and answered in JSON", async () => {
  const { url, appended } = await open();
  const answer = await post(`${url}/v1/traces`, JSON.stringify(traces(spanOf(goodTraceId.toUpperCase()))), {
    "content-type": "application/json; charset=utf-8",
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({});
  const stored = Buffer.concat(appended[0]!.batch.payload);
  expect(stored).toEqual(Buffer.from(encodeRequest("spans", traces(spanOf(goodTraceId)))));
});

test.each([
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
  ["deflate", deflateSync],
] as const)("a body compressed with %s is taken", async (encoding, compress) => {
  const { url, appended } = await open();
  const body = encodeRequest("spans", traces(spanOf(goodTraceId)));
  const answer = await post(`${url}/v1/traces`, compress(body), { "content-encoding": encoding });
  expect(answer.status).toBe(200);
  expect(countItems("spans", Buffer.concat(appended[0]!.batch.payload))).toBe(1);
});

test("a body that is small when compressed and large after is taken whole", async () => {
  const { url, appended } = await open({ requestSizeBytesMax: 8_000_000 });
  const body = encodeRequest("spans", traces(spanOf(goodTraceId, "a".repeat(3_000_000))));
  const packed = gzipSync(body);
  expect(packed.length).toBeLessThan(20_000);
  const answer = await post(`${url}/v1/traces`, packed, { "content-encoding": "gzip" });
  expect(answer.status).toBe(200);
  expect(Buffer.concat(appended[0]!.batch.payload).equals(body)).toBe(true);
});

test("a zstd body in several frames, of which only the first would be read, is refused, small or large", async () => {
  const { url, appended } = await open({ requestSizeBytesMax: 8_000_000 });
  const noise = Array.from({ length: 40_000 }, (_, at) => createHash("sha1").update(`${at}`).digest("hex"));
  for (const text of ["short", noise.join("")]) {
    const body = encodeRequest("spans", traces(spanOf(goodTraceId, text)));
    const frames = Buffer.concat([zstdCompressSync(body), zstdCompressSync(body)]);
    const answer = await post(`${url}/v1/traces`, frames, { "content-encoding": "zstd" });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("send all in one frame");
  }
  expect(appended).toEqual([]);
});

test("what a small body becomes counts as in flight before it is looked at", async () => {
  const { url, appended } = await open({ inFlightBytesMax: 100_000 });
  const body = encodeRequest("spans", traces(spanOf(goodTraceId, "a".repeat(200_000))));
  const answer = await post(`${url}/v1/traces`, gzipSync(body), { "content-encoding": "gzip" });
  expect(answer.status).toBe(503);
  expect(appended).toEqual([]);
});

test.each([
  ["gzip", gzipSync],
  ["deflate", deflateSync],
] as const)("a body compressed with %s that is cut short is refused with 400", async (encoding, compress) => {
  const { url, appended } = await open();
  const cut = compress(encodeRequest("spans", traces(spanOf(goodTraceId)))).subarray(0, -10);
  const answer = await post(`${url}/v1/traces`, cut, { "content-encoding": encoding });
  expect(answer.status).toBe(400);
  expect(Buffer.from(await answer.arrayBuffer()).toString("latin1")).toContain("cannot be decompressed");
  expect(appended).toEqual([]);
});

test("a bad span is cut out and named, the others are kept", async () => {
  const { url, appended } = await open();
  const body = encodeRequest(
    "spans",
    traces(spanOf(goodTraceId), spanOf("00".repeat(16)), spanOf(goodTraceId, "POST /")),
  );
  const answer = await post(`${url}/v1/traces`, body, {});
  expect(answer.status).toBe(200);
  expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(0);
  expect(appended[0]!.batch.itemCount).toBe(2);
  const names = JSON.stringify(decodeRequest("spans", Buffer.concat(appended[0]!.batch.payload)));
  expect(names).toContain("POST /");
  expect(names).not.toContain("00".repeat(16));
  const inJson = await post(`${url}/v1/traces`, JSON.stringify(traces(spanOf("00".repeat(16)))), {
    "content-type": "application/json",
  });
  expect(await inJson.json()).toMatchObject({ partialSuccess: { rejectedSpans: "1" } });
});

test("a broken body is refused with 400 and a Status, and nothing is journaled", async () => {
  const { url, appended } = await open();
  const cut = encodeRequest("spans", traces(spanOf(goodTraceId))).subarray(0, 20);
  const answer = await post(`${url}/v1/traces`, cut);
  expect(answer.status).toBe(400);
  expect(Buffer.from(await answer.arrayBuffer()).toString("latin1")).toContain(
    "longer than what holds it (byte",
  );
  const json = await post(
    `${url}/v1/traces`,
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":5}]}]}]}',
    {
      "content-type": "application/json",
    },
  );
  expect(json.status).toBe(400);
  expect(await json.json()).toEqual({
    code: 3,
    message: "resourceSpans[0].scopeSpans[0].spans[0].traceId should be pairs of hexadecimal digits",
  });
  expect((await post(`${url}/v1/traces`, "no gzip", { "content-encoding": "gzip" })).status).toBe(400);
  expect(appended).toEqual([]);
});

test("a request over the limit after decompression is refused with 413", async () => {
  const { url, appended } = await open({ requestSizeBytesMax: 10_000 });
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  const answer = await post(`${url}/v1/traces`, bomb, { "content-encoding": "gzip" });
  expect(answer.status).toBe(413);
  expect(appended).toEqual([]);
});

test("a full journal is answered with 503 and Retry-After", async () => {
  const { url } = await open({
    append: () =>
      Promise.reject(
        new CollectorError("QUARTET_JOURNAL_FULL", "the journal is full", { retryAfterMs: 2_500 }),
      ),
  });
  const answer = await post(`${url}/v1/traces`, encodeRequest("spans", traces(spanOf(goodTraceId))));
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("3");
});

test("a journal without room for what is announced refuses before the body is read, those under way counted", async () => {
  const asked: number[] = [];
  const { address, url } = await open({
    journalRefusal: (_, sizeBytes) => {
      asked.push(sizeBytes);
      if (sizeBytes <= 1_000) return undefined;
      return new CollectorError("QUARTET_JOURNAL_FULL", "the journal is full", { retryAfterMs: 7_000 });
    },
  });
  const head = (length: number) =>
    `POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
  const first = await dial(address);
  first.socket.write(head(900));
  await vi.waitFor(() => expect(asked).toEqual([900]));
  const second = await dial(address);
  second.socket.write(head(101));
  await vi.waitFor(() => expect(second.received()).toMatch(/^HTTP\/1\.1 503 .*retry-after: 7\r\n/is));
  expect(asked).toEqual([900, 1_001]);
  first.socket.destroy();
  const body = encodeRequest("spans", traces(spanOf(goodTraceId)));
  await vi.waitFor(async () => expect((await post(`${url}/v1/traces`, body)).status).toBe(200));
  second.socket.destroy();
});

test("a missing or wrong token is answered with 401, a right one is let in", async () => {
  const { url } = await open({ tokens: ["first", "second"] });
  const body = encodeRequest("spans", traces(spanOf(goodTraceId)));
  expect((await post(`${url}/v1/traces`, body)).status).toBe(401);
  expect((await post(`${url}/v1/traces`, body, { authorization: "Bearer third" })).status).toBe(401);
  expect((await post(`${url}/v1/traces`, body, { authorization: "Bearer second" })).status).toBe(200);
});

test("unknown paths, methods, content types and encodings are refused with a Status", async () => {
  const { url } = await open();
  expect((await post(`${url}/v1/profiles`, "")).status).toBe(404);
  const get = await fetch(`${url}/v1/traces`);
  expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
  expect((await post(`${url}/v1/traces`, "", { "content-type": "text/plain" })).status).toBe(415);
  expect((await post(`${url}/v1/traces`, "", { "content-encoding": "br" })).status).toBe(415);
});

test("an empty request is a success and leaves the journal alone", async () => {
  const { url, appended } = await open();
  for (const path of ["traces", "logs", "metrics"])
    expect((await post(`${url}/v1/${path}`, "")).status).toBe(200);
  expect(appended).toEqual([]);
});

test("logs and data points are counted one by one", async () => {
  const { url, appended } = await open();
  const point = { timeUnixNano: "1", asInt: "5" };
  await post(
    `${url}/v1/metrics`,
    encodeRequest("metrics", {
      resourceMetrics: [
        {
          scopeMetrics: [
            {
              metrics: [
                { name: "a", gauge: { dataPoints: [point, point] } },
                { name: "b", sum: { dataPoints: [point] } },
              ],
            },
          ],
        },
      ],
    }),
  );
  await post(
    `${url}/v1/logs`,
    encodeRequest("logs", { resourceLogs: [{ scopeLogs: [{ logRecords: [{}, { severityNumber: 17 }] }] }] }),
  );
  expect(appended.map(({ signal, batch }) => [signal, batch.itemCount])).toEqual([
    ["metrics", 3],
    ["logs", 2],
  ]);
});

test("each token has a rate of its own; over it the answer is 429 with Retry-After", async () => {
  const clock = createTestClock(0);
  const { url, metrics } = await open({
    tokens: ["first", "second"],
    rateLimit: { bytesPerSecond: 10 },
    clock,
  });
  const body = encodeRequest("spans", traces(spanOf(goodTraceId)));
  const send = async (token: string) => {
    const answer = await post(`${url}/v1/traces`, body, { authorization: `Bearer ${token}` });
    return [answer.status, answer.headers.get("retry-after")];
  };
  expect(await send("first")).toEqual([200, null]);
  const waitSeconds = Math.ceil((body.length - 10 + 1) / 10);
  expect(await send("first")).toEqual([429, String(waitSeconds)]);
  expect(await send("second")).toEqual([200, null]);
  clock.turnTo(waitSeconds * 1_000);
  expect(await send("first")).toEqual([200, null]);
  expect(await metrics()).toContain(
    'quartet_receive_refused_requests_total{signal="spans",reason="rate_limited"} 1',
  );
});
