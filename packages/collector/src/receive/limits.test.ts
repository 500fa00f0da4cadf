import { connect as connectHttp2 } from "node:http2";
import { gzipSync } from "node:zlib";
import { expect, test, vi } from "vitest";
import { CollectorError } from "../model/index.ts";
import { encodeRequest } from "../otlp/index.ts";
import { createTestClock, dial, goodTraceId, open, post, spanOf, traces } from "./open.test-kit.ts";

const body = encodeRequest("spans", traces(spanOf(goodTraceId)));
const head = (length: number, more = "") =>
  `POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n${more}content-length: ${length}\r\n\r\n`;

test("a client that leaves in mid-body disturbs nobody, and gives its memory back", async () => {
  const { address, url, appended, metrics } = await open();
  const { socket } = await dial(address);
  socket.write(head(100_000));
  socket.write("x".repeat(5_000));
  await vi.waitFor(async () => expect(await metrics()).toContain("quartet_receive_in_flight_bytes 100000"));
  socket.destroy();
  await vi.waitFor(async () => expect((await metrics()).join()).not.toContain("in_flight_bytes"));
  expect((await post(`${url}/v1/traces`, body)).status).toBe(200);
  expect(appended).toHaveLength(1);
  expect(await metrics()).toContain(
    'quartet_receive_refused_requests_total{signal="spans",reason="client_left"} 1',
  );
});

test("what a request announces is reserved before it comes; a client over its share gets 503 and Retry-After, others are served", async () => {
  const { address, url, metrics } = await open({
    requestSizeBytesMax: 10_000,
    inFlightBytesMax: 12_000,
    tokens: ["greedy", "modest"],
  });
  const { socket } = await dial(address);
  socket.write(head(9_000, "authorization: Bearer greedy\r\n"));
  await vi.waitFor(async () => expect(await metrics()).toContain("quartet_receive_in_flight_bytes 9000"));
  const large = encodeRequest("spans", traces(spanOf(goodTraceId, "n".repeat(2_000))));
  const send = (token: string) => post(`${url}/v1/traces`, large, { authorization: `Bearer ${token}` });
  const answer = await send("greedy");
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  expect(await metrics()).toContain(
    'quartet_receive_refused_requests_total{signal="spans",reason="memory_full"} 1',
  );
  expect((await send("modest")).status).toBe(200);
  socket.destroy();
  await vi.waitFor(async () => expect((await send("greedy")).status).toBe(200));
});

test("JSON that becomes longer as protobuf needs room for what it becomes", async () => {
  const { url, appended, metrics } = await open({ requestSizeBytesMax: 100_000, inFlightBytesMax: 200_000 });
  const send = (boundCount: number) => {
    const histogram = {
      aggregationTemporality: 2,
      dataPoints: [{ timeUnixNano: "1", explicitBounds: Array.from({ length: boundCount }, () => 1) }],
    };
    const request = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "m", histogram }] }] }] };
    const headers = { "content-type": "application/json" };
    return post(`${url}/v1/metrics`, JSON.stringify(request), headers);
  };
  // Two bytes each of JSON, eight of protobuf.
  expect((await send(10_000)).status).toBe(200);
  const answer = await send(40_000);
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  expect(appended).toHaveLength(1);
  expect(await metrics()).toContain(
    'quartet_receive_refused_requests_total{signal="metrics",reason="memory_full"} 1',
  );
  expect((await metrics()).join()).not.toContain("in_flight_bytes");
});

test("a bomb costs the limit, not what it would become", async () => {
  const { url, metrics } = await open({ requestSizeBytesMax: 100_000, inFlightBytesMax: 400_000 });
  const answer = await post(`${url}/v1/traces`, gzipSync(Buffer.alloc(50_000_000)), {
    "content-encoding": "gzip",
  });
  expect(answer.status).toBe(413);
  expect((await metrics()).join()).not.toContain("in_flight_bytes");
});

test("a sender that is too slow with its body is refused with 408 and cut off", async () => {
  const { address, metrics } = await open({ requestTimeoutMs: 150 });
  const { socket, received, closed } = await dial(address);
  socket.write(head(100));
  socket.write("{");
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 408 /);
  expect(received()).toContain("took longer than 0.15 s to arrive");
  expect(await metrics()).toContain('quartet_receive_refused_requests_total{signal="spans",reason="slow"} 1');
});

test("a sender that is too slow with its headers is cut off with a Status", async () => {
  const { address, metrics } = await open({ headersTimeoutMs: 200 });
  const { socket, received, closed } = await dial(address);
  socket.write("POST /v1/traces HTTP/1.1\r\nhost: a\r\nx-slow:");
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 408 .*"message":/s);
  expect(await metrics()).toContain('quartet_receive_cut_connections_total{reason="slow"} 1');
});

test.each(["", "P", "PR"])("a connection that says %j and no more is cut off", async (said) => {
  const { address, metrics } = await open({ headersTimeoutMs: 100 });
  const { socket, closed } = await dial(address);
  if (said !== "") socket.write(said);
  await closed;
  expect(await metrics()).toContain('quartet_receive_cut_connections_total{reason="silent"} 1');
});

test("a connection that says one letter and waits takes no processor time", async () => {
  const { address, url } = await open({ headersTimeoutMs: 5_000 });
  const { socket } = await dial(address);
  socket.write("P");
  // One whole request later the letter has been read for certain.
  await post(`${url}/v1/traces`, body);
  const before = process.cpuUsage();
  const until = performance.now() + 300;
  await vi.waitUntil(() => performance.now() > until, { interval: 50, timeout: 2_000 });
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1_000).toBeLessThan(200);
  socket.destroy();
});

test("any bytes at the door disturb nobody", async () => {
  const { address, url, metrics } = await open();
  const openings = ["", "POST /v1/traces HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", head(50)];
  let state = 7;
  const random = (bound: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  const ended: Promise<void>[] = [];
  for (let round = 0; round < 200; round += 1) {
    const { socket, closed } = await dial(address);
    const noise = Buffer.from(Array.from({ length: 1 + random(200) }, () => random(256)));
    socket.end(Buffer.concat([Buffer.from(openings[round % openings.length]!), noise]));
    // Some leave in the middle of it.
    if (random(3) === 0) socket.destroy();
    ended.push(closed);
  }
  await Promise.all(ended);
  expect((await post(`${url}/v1/traces`, body)).status).toBe(200);
  expect((await metrics()).join()).not.toContain("in_flight_bytes");
});

test("a message of 20 MB comes whole over HTTP/2, four of them at a time", async () => {
  const { url, appended } = await open({ requestSizeBytesMax: 32 * 1024 * 1024 });
  const large = encodeRequest("spans", traces(spanOf(goodTraceId, "n".repeat(20_000_000))));
  const session = connectHttp2(url);
  const call = () =>
    new Promise((resolve, reject) => {
      const stream = session.request({
        ":method": "POST",
        ":path": "/v1/traces",
        "content-type": "application/x-protobuf",
      });
      stream.on("response", (headers) => resolve(headers[":status"])).on("error", reject);
      stream.resume();
      stream.end(large);
    });
  expect(await Promise.all([call(), call(), call(), call()])).toEqual([200, 200, 200, 200]);
  session.destroy();
  expect(appended.every(({ batch }) => batch.payload[0]!.length === large.length)).toBe(true);
}, 30_000);

test("the limit of a record is the limit of a request", async () => {
  const { url } = await open({
    append: () => Promise.reject(new CollectorError("QUARTET_RECORD_TOO_LARGE", "the record has 5 bytes")),
  });
  const answer = await post(`${url}/v1/traces`, body);
  expect(answer.status).toBe(413);
  expect(Buffer.from(await answer.arrayBuffer()).toString()).toContain("send smaller batches");
});

test("a failure that nobody foresaw is 500, logged, and says nothing of its inside", async () => {
  const logged: unknown[] = [];
  const { url } = await open({
    append: () => Promise.reject(new Error("secret inside")),
    log: { info() {}, warn() {}, error: (message, fields) => logged.push([message, fields]) },
  });
  const answer = await post(`${url}/v1/traces`, body);
  expect(answer.status).toBe(500);
  expect(Buffer.from(await answer.arrayBuffer()).toString()).not.toContain("secret");
  expect(logged).toMatchObject([["a batch could not be journaled", { signal: "spans" }]]);
});

test("received times never go back, even when the clock does", async () => {
  const clock = createTestClock(5_000);
  const { url, appended } = await open({ clock });
  await post(`${url}/v1/traces`, body);
  clock.turnTo(3_000);
  await post(`${url}/v1/traces`, body);
  clock.turnTo(6_000);
  await post(`${url}/v1/traces`, body);
  expect(appended.map(({ batch }) => batch.receivedAtMs)).toEqual([5_000, 5_000, 6_000]);
});

test("accepted and refused items and requests are counted by signal and reason", async () => {
  const { url, metrics } = await open();
  const bad = spanOf("00".repeat(16));
  await post(
    `${url}/v1/traces`,
    encodeRequest("spans", traces(spanOf(goodTraceId), bad, spanOf(goodTraceId), bad)),
  );
  await post(`${url}/v1/logs`, "broken");
  await post(`${url}/elsewhere`, "");
  const lines = (await metrics()).filter(
    (line) => !line.includes("duration") && !line.includes("connections"),
  );
  expect(lines).toEqual([
    'quartet_receive_accepted_items_total{signal="spans"} 2',
    'quartet_receive_odd_times_total{signal="spans",problem="missing"} 2',
    'quartet_receive_refused_items_total{signal="spans",reason="invalid_id"} 2',
    'quartet_receive_refused_requests_total{signal="logs",reason="undecodable"} 1',
    'quartet_receive_refused_requests_total{signal="none",reason="not_found"} 1',
    'quartet_receive_requests_total{signal="spans",protocol="http",code="200"} 1',
    'quartet_receive_requests_total{signal="logs",protocol="http",code="400"} 1',
    'quartet_receive_requests_total{signal="none",protocol="http",code="404"} 1',
  ]);
});

test.each(["chunked", "http2"])(
  "a body in pieces of one byte is refused after ten thousand of them: %s",
  async (how) => {
    const { address, url, metrics } = await open();
    if (how === "chunked") {
      const { socket, received } = await dial(address);
      socket.write(
        "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
      );
      socket.write("1\r\n \r\n".repeat(12_000));
      await vi.waitFor(() => expect(received()).toMatch(/^HTTP\/1\.1 400 .*pieces/s), { timeout: 4_000 });
      socket.destroy();
    } else {
      const session = connectHttp2(url);
      const stream = session.request({
        ":method": "POST",
        ":path": "/v1/traces",
        "content-type": "application/json",
      });
      const status = new Promise((resolve) =>
        stream.once("response", (headers) => resolve(headers[":status"])),
      );
      for (let piece = 0; piece < 12_000 && !stream.destroyed; piece += 1)
        await new Promise<void>((resolve) => stream.write(" ", () => resolve()));
      expect(await status).toBe(400);
      session.destroy();
    }
    expect(await metrics()).toContain(
      'quartet_receive_refused_requests_total{signal="spans",reason="fragmented"} 1',
    );
  },
  20_000,
);

test("a client that is told off and never ends its side is cut off all the same", async () => {
  const { address, metrics } = await open();
  for (const said of ["this is no HTTP\r\n\r\n", `GET / HTTP/1.1\r\nx: ${"a".repeat(20_000)}\r\n\r\n`]) {
    const { socket, received } = await dial(address, { allowHalfOpen: true });
    socket.write(said);
    await vi.waitFor(() => expect(received()).toMatch(/^HTTP\/1\.1 4/));
    const none = async () => expect((await metrics()).join()).not.toContain("receive_connections");
    await vi.waitFor(none, { timeout: 4_000 });
    socket.destroy();
  }
  expect(await metrics()).toContain('quartet_receive_cut_connections_total{reason="malformed"} 2');
});
