import { expect, test } from "vitest";
import { encodeRequest } from "../otlp/index.ts";
import { createCors } from "./cors.ts";
import { goodTraceId, open, post, spanOf, traces } from "./open.test-kit.ts";

const body = encodeRequest("spans", traces(spanOf(goodTraceId)));
const origin = "https://shop.example";

const preflight = (url: string, from: string) =>
  fetch(`${url}/v1/traces`, {
    method: "OPTIONS",
    headers: {
      origin: from,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  });

test("a page of a configured origin is let in, without a token for the preflight, and may read every answer", async () => {
  const { url } = await open({ corsOrigins: [origin], tokens: ["right"] });
  const asked = await preflight(url, origin);
  expect([asked.status, await asked.text()]).toEqual([204, ""]);
  expect(Object.fromEntries(asked.headers)).toMatchObject({
    "access-control-allow-origin": origin,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "authorization,content-type",
    "access-control-allow-credentials": "true",
    "access-control-max-age": "7200",
    vary: "Origin, Access-Control-Request-Headers",
  });
  for (const [authorization, status] of [
    ["Bearer right", 200],
    ["Bearer wrong", 401],
  ] as const) {
    const answer = await post(`${url}/v1/traces`, body, { origin, authorization });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([status, origin]);
    expect(answer.headers.get("access-control-expose-headers")).toBe("Retry-After");
  }
});

test("a page of another origin is refused by name, and no answer names it", async () => {
  const { url } = await open({ corsOrigins: [origin] });
  const asked = await preflight(url, "https://evil.example");
  expect(asked.status).toBe(403);
  expect(asked.headers.get("access-control-allow-origin")).toBeNull();
  expect(await asked.text()).toContain("https://evil.example may not send here");
  const answer = await post(`${url}/v1/traces`, body, { origin: "https://evil.example" });
  expect([answer.headers.get("access-control-allow-origin"), answer.headers.get("vary")]).toEqual([
    null,
    "Origin",
  ]);
});

test("without configured origins pages are refused, and services see no headers for them", async () => {
  const { url } = await open();
  expect((await preflight(url, origin)).status).toBe(403);
  expect((await post(`${url}/v1/traces`, body)).headers.get("vary")).toBeNull();
});

test("a star lets all in, but without credentials; within a host it stands for what is below", () => {
  expect(createCors(["*"]).answerHeaders("https://any.example")).toMatchObject({
    "access-control-allow-origin": "*",
  });
  expect(createCors(["*"]).answerHeaders(origin)).not.toHaveProperty("access-control-allow-credentials");
  const { answerHeaders } = createCors(["https://*.shop.example:8443"]);
  const isLetIn = (from: string) => answerHeaders(from)["access-control-allow-origin"] === from;
  expect(isLetIn("https://a.b.shop.example:8443")).toBe(true);
  for (const other of [
    "https://shop.example:8443",
    "https://a.shop.example",
    "http://a.shop.example:8443",
    "https://a.shopxexample:8443",
    "https://evil.example/a.shop.example:8443",
  ]) {
    expect([other, isLetIn(other)]).toEqual([other, false]);
  }
});
