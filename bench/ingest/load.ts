// The load generator, a process of its own whose CPU time is nobody's: requests are made beforehand and go out over raw
// sockets, 8 connections, kept alive, one request at a time on each.
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { encodeRequest } from "../../packages/collector/src/otlp/index.ts";
import { buildSpans, spansPerBatch } from "../spans.ts";
import type { BodyKind, LoadOrder, LoadReport } from "./messages.ts";

const connectionCount = 8;
const distinctBatches = 48;
/** At a steady pace a batch is moved to the present this often, or its spans would come to be late ones. */
const renewIntervalMs = 1_000;
const refusedPauseMs = 20;

process.on("disconnect", () => process.exit());
process.on("message", (order: LoadOrder) => {
  run(order).then(
    (report) => process.send!(report),
    (error: unknown) => {
      console.error("the load generator failed:", error);
      process.exit(1);
    },
  );
});

async function run(order: LoadOrder): Promise<LoadReport> {
  const url = new URL(order.url);
  const build = (seed: number): Buffer => buildRequest(url, order.bodies, seed);
  const requests = Array.from({ length: distinctBatches }, (_, seed) => build(seed));
  const { amount } = order;
  const times = amount.kind === "pace" ? requests.map(timesIn) : [];
  const connections = await Promise.all(Array.from({ length: connectionCount }, () => open(url)));
  // Everything is made by now, or what is due meanwhile would wait for it, and that be taken for the collector's time.
  const beganMs = performance.now();
  const answerMs: number[] = [];
  let sent = 0;
  let refusedRequests = 0;

  const post = async (connection: Connection, dueMs: number): Promise<void> => {
    const status = await connection.post(requests[sent++ % distinctBatches]!);
    if (status === 200) answerMs.push(performance.now() - dueMs);
    else {
      refusedRequests += 1;
      await pause(refusedPauseMs);
    }
  };
  if (amount.kind === "requests") {
    const worker = async (connection: Connection): Promise<void> => {
      while (sent < amount.count) await post(connection, performance.now());
    };
    await Promise.all(connections.map(worker));
  } else {
    const endMs = beganMs + amount.durationMs;
    const intervalMs = (1_000 * spansPerBatch) / amount.spansPerSecond;
    let nextDueMs = beganMs;
    const worker = async (connection: Connection): Promise<void> => {
      for (;;) {
        const dueMs = nextDueMs;
        nextDueMs += intervalMs;
        if (dueMs >= endMs) return;
        const waitMs = dueMs - performance.now();
        if (waitMs > 0) await pause(waitMs);
        await post(connection, dueMs);
      }
    };
    let renewed = 0;
    const renewing = setInterval(() => {
      const index = renewed++ % distinctBatches;
      requests[index] = movedToNow(requests[index]!, times[index]!);
    }, renewIntervalMs);
    await Promise.all(connections.map(worker));
    clearInterval(renewing);
  }
  const elapsedMs = performance.now() - beganMs;
  for (const connection of connections) connection.close();
  const acknowledgedSpans = answerMs.length * spansPerBatch;
  return { acknowledgedSpans, refusedRequests, elapsedMs, answerMs: answerMs.toSorted((a, b) => a - b) };
}

function buildRequest(url: URL, kind: BodyKind, seed: number): Buffer {
  const spans = buildSpans(seed);
  const body =
    kind === "json"
      ? Buffer.from(JSON.stringify(spans))
      : kind === "gzip"
        ? gzipSync(encodeRequest("spans", spans))
        : encodeRequest("spans", spans);
  const head = [
    `POST ${url.pathname} HTTP/1.1`,
    `host: ${url.host}`,
    "user-agent: quartet-bench",
    `content-type: application/${kind === "json" ? "json" : "x-protobuf"}`,
    ...(kind === "gzip" ? ["content-encoding: gzip"] : []),
    `content-length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

/** The times of all spans in a protobuf request that was just made: its only 8 bytes that are one of the last second, in ns. */
interface SpanTimes {
  readonly offsets: readonly number[];
  /** Of all spans, Unix ms. */
  endMs: number;
}

function timesIn(request: Buffer): SpanTimes {
  const nowMs = Date.now();
  const offsets: number[] = [];
  let endMs = 0;
  for (let at = 0; at + 8 <= request.length; at += 1) {
    // Of as many ns the upper half is enough to pass over nearly everything.
    if (Math.abs(request.readUInt32LE(at + 4) - (nowMs * 1e6) / 2 ** 32) > 10) continue;
    const timeMs = Number(request.readBigUInt64LE(at) / 1_000_000n);
    if (timeMs > nowMs || timeMs < nowMs - 20_000) continue;
    offsets.push(at);
    endMs = Math.max(endMs, timeMs);
  }
  if (offsets.length !== 2 * spansPerBatch) throw new Error(`${offsets.length} times in a request`);
  return { offsets, endMs };
}

/** A copy, as the request may be on its way. Making it anew would hold up the others, and be taken for the collector's time. */
function movedToNow(request: Buffer, times: SpanTimes): Buffer {
  const moved = Buffer.from(request);
  const nowMs = Date.now();
  const byNano = BigInt(nowMs - times.endMs) * 1_000_000n;
  times.endMs = nowMs;
  for (const at of times.offsets) moved.writeBigUInt64LE(request.readBigUInt64LE(at) + byNano, at);
  return moved;
}

interface Connection {
  /** Sends one request; resolves with the status of the answer. */
  post(request: Buffer): Promise<number>;
  close(): void;
}

function open(url: URL): Promise<Connection> {
  const socket: Socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  let answered: { resolve(status: number): void; reject(error: Error): void } | undefined;
  let received = Buffer.alloc(0);
  const fail = (error: Error): void => answered?.reject(error);
  socket.on("data", (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const status = wholeAnswer(received);
    if (status === undefined) return;
    received = Buffer.alloc(0);
    answered?.resolve(status);
  });
  socket.on("close", () => fail(new Error("the connection was closed")));
  return new Promise((resolve, reject) => {
    socket.on("error", (error) => {
      reject(error);
      fail(error);
    });
    socket.once("connect", () =>
      resolve({
        post: (request) =>
          new Promise((resolvePost, rejectPost) => {
            answered = { resolve: resolvePost, reject: rejectPost };
            socket.write(request);
          }),
        close: () => socket.destroy(),
      }),
    );
  });
}

/** The status of an answer that is here whole; an answer to OTLP has a Content-Length. */
function wholeAnswer(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd);
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1]);
  if (!Number.isFinite(length)) throw new Error(`an answer without a Content-Length: ${head}`);
  if (bytes.length < headEnd + 4 + length) return undefined;
  return Number(head.slice(9, 12));
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
