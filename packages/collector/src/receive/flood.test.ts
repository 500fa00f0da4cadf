import { connect as connectSocket } from "node:net";
import { expect, test, vi } from "vitest";
import { encodeRequest } from "../otlp/index.ts";
import { dial, goodTraceId, open, post, spanOf, traces, type Opened } from "./open.test-kit.ts";

const body = encodeRequest("spans", traces(spanOf(goodTraceId)));

// Types of frames (RFC 9113, 6), and the flags that are needed.
const typeHeaders = 1;
const typeReset = 3;
const typeSettings = 4;
const typePing = 6;
const typeContinuation = 9;
const endHeaders = 4;

function frame(type: number, flags: number, stream: number, content: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, content]);
}

const preface = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(typeSettings, 0, 0)]);
/** POST, http, /v1/traces, a in HPACK. */
const headers = Buffer.concat([
  Buffer.from([0x83, 0x86, 0x44, 10]),
  Buffer.from("/v1/traces"),
  Buffer.from([0x41, 1, 0x61]),
]);

/** Sends what `next` gives until the server ends the connection; how many times it did. Fails when it never does. */
async function flood(
  { address, url }: Opened,
  next: (round: number) => Buffer,
  { reads = true } = {},
): Promise<number> {
  const [host, port] = address.split(":") as [string, string];
  const socket = connectSocket({ host, port: Number(port) });
  const ended = new AbortController();
  socket.on("error", () => undefined).on("close", () => ended.abort());
  socket.on("end", () => ended.abort());
  if (reads) socket.resume();
  else socket.pause();
  socket.write(preface);
  let round = 0;
  for (; !ended.signal.aborted && round < 5_000; round += 1) {
    const isTaken = socket.write(next(round));
    // A server that takes no more has stopped the flood as well.
    if (!isTaken && !(await isDrained(socket))) break;
    await new Promise(setImmediate);
  }
  expect((await post(`${url}/v1/traces`, body)).status).toBe(200);
  socket.destroy();
  return round;
}

function isDrained(socket: ReturnType<typeof connectSocket>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 2_000);
    const done = () => {
      clearTimeout(timer);
      resolve(true);
    };
    socket.once("drain", done).once("close", done);
  });
}

test("streams that are opened and reset at once end their session", async () => {
  const opened = await open();
  const rounds = await flood(opened, (round) => {
    const frames: Buffer[] = [];
    for (let index = 0; index < 20; index += 1) {
      const stream = 2 * (20 * round + index) + 1;
      frames.push(
        frame(typeHeaders, endHeaders, stream, headers),
        frame(typeReset, 0, stream, Buffer.from([0, 0, 0, 8])),
      );
    }
    return Buffer.concat(frames);
  });
  expect(rounds).toBeLessThan(5_000);
  await vi.waitFor(async () =>
    expect(await opened.metrics()).toContain('quartet_receive_cut_connections_total{reason="malformed"} 1'),
  );
}, 30_000);

test("headers that go on without end end their session", async () => {
  const opened = await open();
  const more = frame(
    typeContinuation,
    0,
    1,
    Buffer.concat([Buffer.from([0x40, 1, 0x78, 100]), Buffer.alloc(100, 97)]),
  );
  const rounds = await flood(opened, (round) => (round === 0 ? frame(typeHeaders, 0, 1, headers) : more));
  expect(rounds).toBeLessThan(5_000);
}, 30_000);

test.each([
  ["nothing more", preface],
  ["half of its headers", Buffer.concat([preface, frame(typeHeaders, 0, 1, headers)])],
])("a session that says %s is cut off like any connection without a request", async (_, said) => {
  const { address, metrics } = await open({ headersTimeoutMs: 200 });
  const { socket, closed } = await dial(address);
  socket.write(said);
  await closed;
  expect(await metrics()).toContain('quartet_receive_cut_connections_total{reason="slow"} 1');
});

test("a client that asks for answers and does not read them is ended, or taken nothing from any more", async () => {
  const opened = await open();
  const pings = Buffer.concat(Array.from({ length: 100 }, () => frame(typePing, 0, 0, Buffer.alloc(8))));
  expect(await flood(opened, () => pings, { reads: false })).toBeLessThan(5_000);
}, 30_000);

test("clients that end in mid-body are let go, and their memory with them", async () => {
  const { address, metrics } = await open();
  for (let client = 0; client < 50; client += 1) {
    const { socket } = await dial(address, { allowHalfOpen: true });
    socket.end(
      "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    );
  }
  await vi.waitFor(
    async () => {
      const now = (await metrics()).join();
      expect(now).not.toContain("in_flight_bytes");
      expect(now).not.toContain("receive_connections");
    },
    { timeout: 10_000 },
  );
}, 30_000);

test("a thousand connections that say nothing keep nobody out", async () => {
  const { address, url, metrics } = await open({ headersTimeoutMs: 60_000 });
  const idle = await Promise.all(Array.from({ length: 1_000 }, () => dial(address)));
  await vi.waitFor(async () => expect(await metrics()).toContain("quartet_receive_connections 1000"), {
    timeout: 20_000,
  });
  expect((await post(`${url}/v1/traces`, body)).status).toBe(200);
  for (const { socket } of idle) socket.destroy();
}, 30_000);

test("one address may hold half of all connections", async () => {
  const { address, url, metrics } = await open({ connectionsMax: 8 });
  const held = await Promise.all(Array.from({ length: 4 }, () => dial(address)));
  await expect(post(`${url}/v1/traces`, body)).rejects.toThrow("fetch failed");
  expect(await metrics()).toContain('quartet_receive_cut_connections_total{reason="too_many"} 1');
  held[0]!.socket.destroy();
  await vi.waitFor(async () => expect((await post(`${url}/v1/traces`, body)).status).toBe(200));
  for (const { socket } of held) socket.destroy();
});
