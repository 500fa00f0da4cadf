import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { webhookHeaders } from "./signature.ts";
import { postWebhook, type PostOutcome } from "./transport.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

const post = (url: string, timeoutMs = 5_000): Promise<PostOutcome> =>
  postWebhook({
    url,
    body: '{"a":1}',
    headers: { "content-type": "application/json", "webhook-id": "m1" },
    timeoutMs,
    signal: new AbortController().signal,
  });

test("a receiver gets method, headers and body, and 2xx is accepted", async () => {
  const seen: { method: string | undefined; id: unknown; body: string }[] = [];
  const url = await serve((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      seen.push({ method: request.method, id: request.headers["webhook-id"], body });
      response.writeHead(202).end("thanks");
    });
  });
  expect(await post(url)).toEqual({ kind: "accepted" });
  expect(seen).toEqual([{ method: "POST", id: "m1", body: '{"a":1}' }]);
});

test("408, 425, 429 and 5xx are retryable with their Retry-After; other answers are refused, redirects too", async () => {
  const check = async (status: number, headers: Record<string, string>, expected: PostOutcome) => {
    const url = await serve((_request, response) => response.writeHead(status, headers).end("why"));
    expect(await post(url)).toEqual(expected);
  };
  const retryable = (status: number, retryAfterMs?: number): PostOutcome => ({
    kind: "retryable",
    cause: `HTTP ${status}: why`,
    retryAfterMs,
  });
  for (const status of [408, 425, 429, 500, 503]) await check(status, {}, retryable(status));
  await check(429, { "retry-after": "7" }, retryable(429, 7_000));
  await check(503, { "retry-after": "soon" }, retryable(503));
  await check(503, { "retry-after": new Date(0).toUTCString() }, retryable(503, 0));
  for (const status of [400, 401, 404, 410])
    await check(status, {}, { kind: "refused", cause: `HTTP ${status}: why` });
  await check(302, { location: "/other" }, { kind: "refused", cause: "HTTP 302: why" });
});

test("a receiver that is not there, hangs up or does not answer in time is retryable", async () => {
  const gone = await serve(() => undefined);
  cleanups.pop()!();
  expect(await post(gone)).toMatchObject({
    kind: "retryable",
    cause: expect.stringContaining("ECONNREFUSED") as string,
  });
  expect(await post(await serve((request) => request.socket.destroy()))).toMatchObject({ kind: "retryable" });
  expect(await post(await serve(() => undefined), 50)).toEqual({
    kind: "retryable",
    cause: "no answer in time",
    retryAfterMs: undefined,
  });
});

test("an endless answer is not read to its end", async () => {
  const url = await serve((_request, response) => {
    response.writeHead(500);
    const write = () => {
      while (response.write("x".repeat(1_000)));
      response.once("drain", write);
    };
    write();
  });
  expect(await post(url)).toMatchObject({ kind: "retryable", cause: `HTTP 500: ${"x".repeat(500)}` });
});

test("a notification is signed as Standard Webhooks says, once for each secret", () => {
  const key = Buffer.from("a secret of some length");
  const message = { id: "msg_1", body: "{}", nowMs: 1_700_000_000_999 };
  const sign = (secret: Buffer) =>
    `v1,${createHmac("sha256", secret).update("msg_1.1700000000.{}").digest("base64")}`;
  expect(webhookHeaders(message, [])).toEqual({ "webhook-id": "msg_1", "webhook-timestamp": "1700000000" });
  expect(webhookHeaders(message, [`whsec_${key.toString("base64")}`, "plain"])["webhook-signature"]).toBe(
    `${sign(key)} ${sign(Buffer.from("plain"))}`,
  );
});
