import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createSender, parseRetryAfter, type Sender } from "./sender.ts";

async function startServer(listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
}

function senderTo(
  server: Server,
  settings: { timeoutMs?: number; headers?: Record<string, string> } = {},
): Sender {
  const { port } = server.address() as AddressInfo;
  const sender = createSender(
    {
      url: new URL(`http://127.0.0.1:${port}/v1/traces`),
      headers: {},
      timeoutMs: 5_000,
      compression: "none",
      tls: {},
      ...settings,
    },
    { nowMs: () => Date.UTC(2026, 0, 1) },
  );
  onTestFinished(() => sender.close());
  return sender;
}

test("statuses become outcomes: 2xx accepted, 429 and 502 to 504 retryable, all else refused", async () => {
  let status = 200;
  const server = await startServer((_request, response) => response.writeHead(status).end());
  const sender = senderTo(server);
  const kinds: Record<string, number[]> = {};
  for (status of [200, 204, 301, 400, 401, 404, 413, 429, 500, 501, 502, 503, 504]) {
    const { kind } = await sender.send(Buffer.from("x"));
    (kinds[kind] ??= []).push(status);
  }
  expect(kinds).toEqual({
    accepted: [200, 204],
    refused: [301, 400, 401, 404, 413, 500, 501],
    retryable: [429, 502, 503, 504],
  });
});

test("one connection is kept for all requests", async () => {
  let connectionCount = 0;
  const server = await startServer((request, response) => request.resume().on("end", () => response.end()));
  server.on("connection", () => (connectionCount += 1));
  const sender = senderTo(server);
  for (let round = 0; round < 5; round += 1) await sender.send(Buffer.from("x"));
  expect(connectionCount).toBe(1);
});

test("a kept connection that the collector closes just as it is used again is no failure", async () => {
  let requestCount = 0;
  const server = await startServer((request, response) => {
    requestCount += 1;
    // The second request finds the connection dead.
    if (requestCount === 2) request.socket.resetAndDestroy();
    else request.resume().on("end", () => response.end());
  });
  const sender = senderTo(server);
  expect((await sender.send(Buffer.from("x"))).kind).toBe("accepted");
  expect((await sender.send(Buffer.from("x"))).kind).toBe("accepted");
  expect(requestCount).toBe(3);
});

test("no answer in time, a cut connection and a closed port are retryable", async () => {
  const silent = await startServer(() => undefined);
  expect(await senderTo(silent, { timeoutMs: 50 }).send(Buffer.from("x"))).toMatchObject({
    kind: "retryable",
    cause: "no answer within 50 ms",
  });
  const cutting = await startServer((request) => request.destroy());
  expect((await senderTo(cutting).send(Buffer.from("x"))).kind).toBe("retryable");
  const closing = await startServer(() => undefined);
  const sender = senderTo(closing);
  await new Promise((resolve) => closing.close(resolve));
  expect(await sender.send(Buffer.from("x"))).toMatchObject({ kind: "retryable", cause: /ECONNREFUSED/ });
});

test("an answer without an end is not collected", async () => {
  const server = await startServer((_request, response) => {
    response.writeHead(200);
    for (let count = 0; count < 64; count += 1) response.write(Buffer.alloc(64 * 1024));
    response.end();
  });
  expect((await senderTo(server).send(Buffer.from("x"))).kind).toBe("accepted");
});

test("a header that cannot be sent refuses, it does not throw", async () => {
  const server = await startServer((_request, response) => response.end());
  const sender = senderTo(server, { headers: { authorization: "line\nbreak" } });
  expect((await sender.send(Buffer.from("x"))).kind).toBe("refused");
});

test("Retry-After holds seconds or a date", () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const check = (value: string | undefined, expected: number | undefined) =>
    expect(parseRetryAfter(value, nowMs)).toBe(expected);
  check("3", 3_000);
  check(" 0 ", 0);
  check("Thu, 01 Jan 2026 00:00:10 GMT", 10_000);
  check("Wed, 31 Dec 2025 23:59:00 GMT", 0);
  check("soon", undefined);
  check(undefined, undefined);
});
