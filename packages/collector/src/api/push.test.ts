import { expect, test } from "vitest";
import { startApi } from "./api.test-kit.ts";
import type { PushAddress } from "./server.ts";

const sizeOfRead: PushAddress["endpoint"] = () => async (request, response) => {
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) sizeBytes += chunk.length;
  response.writeHead(202, { "content-type": "text/plain" }).end(String(sizeBytes));
};
const post = (url: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(url, { method: "POST", body, headers });

test("a push address reads its request itself, of any type and beyond the size of a form", async () => {
  await using api = await startApi({ push: [{ path: "/push", endpoint: sizeOfRead }] });
  for (const type of ["application/x-protobuf", "application/json", "application/x-www-form-urlencoded"]) {
    const answer = await post(`${api.url}/push`, new Uint8Array(3_000_000), { "content-type": type });
    expect([answer.status, await answer.text()]).toEqual([202, "3000000"]);
  }
  expect((await post(`${api.url}/push`, "")).status).toBe(202);
  expect((await fetch(`${api.url}/push`)).status).toBe(404);
});

test("a push without one of the API's tokens is refused before it is read", async () => {
  let count = 0;
  const endpoint: PushAddress["endpoint"] = () => async (_request, response) => {
    count += 1;
    response.writeHead(204).end();
  };
  await using api = await startApi({ tokens: () => ["secret"], push: [{ path: "/push", endpoint }] });
  expect((await post(`${api.url}/push`, "x")).status).toBe(401);
  expect(count).toBe(0);
  expect((await post(`${api.url}/push`, "x", { authorization: "Bearer secret" })).status).toBe(204);
});

test("while nothing can be taken a push is answered with 503 and Retry-After", async () => {
  await using api = await startApi({ push: [{ path: "/push", endpoint: () => undefined }] });
  const answer = await post(`${api.url}/push`, "x");
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
});

test("a push that fails in a way nobody foresaw ends its connection and is logged", async () => {
  const endpoint: PushAddress["endpoint"] = () => () => Promise.reject(new Error("unforeseen"));
  await using api = await startApi({ push: [{ path: "/push", endpoint }] });
  await expect(post(`${api.url}/push`, "x")).rejects.toThrow("fetch failed");
  expect(api.logged.join()).toContain("unforeseen");
});
