import { connect } from "node:net";
import { expect, test } from "vitest";
import { CollectorError, systemClock } from "../model/index.ts";
import { createLog } from "../telemetry/index.ts";
import { answered, answerFrom, ask, createContext, refused, startApi } from "./api.test-kit.ts";
import { createApi, success } from "./index.ts";

test("a form and a query string say the same, and the form comes first", async () => {
  await using api = await startApi();
  const four = answered({ resultType: "scalar", result: [4, "2"] });
  expect(await ask(api.url, "/api/v1/query?query=1%2B1&time=4")).toEqual(four);
  expect(await ask(api.url, "/api/v1/query", { query: "1+1", time: "4" })).toEqual(four);
  expect(await ask(api.url, "/api/v1/query?query=5&time=4", { query: "1+1" })).toEqual(four);
});

test("a body that is no form is passed over", async () => {
  await using api = await startApi();
  for (const [type, body] of [
    ["application/json", "abc"],
    ["application/json", ""],
    ["text/plain", "x"],
  ] as const) {
    const response = await fetch(`${api.url}/api/v1/query?query=1&time=4`, {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    expect([type, response.status]).toEqual([type, 200]);
  }
});

test("a body past its bound is refused as bad data", async () => {
  await using api = await startApi();
  expect(await ask(api.url, "/api/v1/query", { query: "1".repeat(2 * 1024 * 1024) })).toMatchObject({
    status: 413,
    body: { status: "error", errorType: "bad_data" },
  });
});

test("an unknown path is not found, in JSON", async () => {
  await using api = await startApi();
  expect(await ask(api.url, "/api/v1/nope?x=1")).toEqual(
    refused(404, "not_found", "there is nothing at GET /api/v1/nope"),
  );
  expect(await ask(api.url, "/api/v1/nope", {})).toMatchObject({ status: 404 });
});

test("probes answer in words, and not ready names what is missing", async () => {
  const reasons = ["the journal is being read"];
  await using api = await startApi({ notReady: () => reasons });
  const probe = async (path: string) => {
    const response = await fetch(`${api.url}${path}`);
    return [response.status, await response.text()];
  };
  expect(await probe("/-/healthy")).toEqual([200, "Quartet is Healthy.\n"]);
  expect(await probe("/-/ready")).toEqual([503, "Quartet is not ready: the journal is being read\n"]);
  reasons.length = 0;
  expect(await probe("/-/ready")).toEqual([200, "Quartet is Ready.\n"]);
});

test("without a token of the list there are only probes", async () => {
  let tokens = ["secret-one"];
  await using api = await startApi({
    tokens: () => tokens,
    pages: [{ path: "/graph", contentType: "text/html", body: "<p>page</p>" }],
  });
  const status = async (path: string, token?: string) => {
    const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
    const response = await fetch(`${api.url}${path}`, headers === undefined ? {} : { headers });
    return response.status;
  };
  const guarded = ["/api/v1/query?query=1", "/metrics", "/graph"];
  for (const path of guarded) {
    expect([path, await status(path), await status(path, "wrong"), await status(path, "secret-one")]).toEqual(
      [path, 401, 401, 200],
    );
  }
  for (const path of ["/-/healthy", "/-/ready"]) expect([path, await status(path)]).toEqual([path, 200]);
  const response = await fetch(`${api.url}/api/v1/query?query=1`);
  expect(response.headers.get("www-authenticate")).toBe("Bearer");
  expect(await response.json()).toEqual({
    status: "error",
    errorType: "unauthorized",
    error: "send one of the tokens of api.tokens_file as a bearer token",
  });
  // The list may change while the API runs.
  tokens = ["secret-two"];
  expect(await status("/api/v1/query?query=1", "secret-one")).toBe(401);
  expect(await status("/api/v1/query?query=1", "secret-two")).toBe(200);
});

test("metrics and pages come with their content type", async () => {
  await using api = await startApi({
    pages: [{ path: "/graph", contentType: "text/html; charset=utf-8", body: "<p>page</p>" }],
  });
  const metrics = await fetch(`${api.url}/metrics`);
  expect([metrics.headers.get("content-type"), await metrics.text()]).toEqual([
    "text/plain; version=0.0.4",
    "up 1\n",
  ]);
  const page = await fetch(`${api.url}/graph`);
  expect([page.headers.get("content-type"), await page.text()]).toEqual([
    "text/html; charset=utf-8",
    "<p>page</p>",
  ]);
});

test("Grafana's check of a data source asks for a number, then for the build", async () => {
  const fromData = answerFrom(createContext());
  await using api = await startApi({
    answer: async (endpoint, parameters, signal) =>
      endpoint === "buildinfo"
        ? success(JSON.stringify({ version: "3.14.0" }))
        : await fromData(endpoint, parameters, signal),
  });
  expect(await ask(api.url, "/api/v1/query", { query: "1+1", time: "4" })).toEqual(
    answered({ resultType: "scalar", result: [4, "2"] }),
  );
  expect(await ask(api.url, "/api/v1/status/buildinfo")).toEqual(answered({ version: "3.14.0" }));
});

test("a client that leaves aborts the signal; one that stays does not", async () => {
  const signals: AbortSignal[] = [];
  const { promise: asked, resolve: haveAsked } = Promise.withResolvers<AbortSignal>();
  await using api = await startApi({
    answer: (_endpoint, _parameters, signal) => {
      signals.push(signal);
      haveAsked(signal);
      return new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve(success("null")), { once: true }),
      );
    },
  });
  const { port, hostname } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  socket.write(`GET /api/v1/query?query=1 HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  const signal = await asked;
  expect(signal.aborted).toBe(false);
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  socket.destroy();
  await aborted;
  expect(signals).toHaveLength(1);
});

test("an answer that fails is an internal error with its reason, and the API goes on", async () => {
  await using api = await startApi({
    answer: (endpoint) =>
      Promise.reject(
        endpoint === "labels"
          ? new CollectorError("QUARTET_JOURNAL_UNAVAILABLE", "the disk is gone")
          : new Error("the thread has ended"),
      ),
  });
  expect(await ask(api.url, "/api/v1/query?query=1")).toEqual(
    refused(500, "internal", "the thread has ended"),
  );
  expect(await ask(api.url, "/api/v1/labels")).toEqual(refused(500, "internal", "the disk is gone"));
  expect((await fetch(`${api.url}/-/healthy`)).status).toBe(200);
});

test("a port in use is named with the key that moves it", async () => {
  await using api = await startApi();
  const port = Number(new URL(api.url).port);
  const second = createApi({
    host: "127.0.0.1",
    port,
    tokens: () => [],
    answer: answerFrom(createContext()),
    notReady: () => [],
    metrics: async () => ({ contentType: "text/plain", body: "" }),
    pages: [],
    log: createLog(() => {}, systemClock.nowMs),
  });
  await expect(second.start()).rejects.toMatchObject({
    code: "QUARTET_ADDRESS_IN_USE",
    message: `127.0.0.1:${port} is in use: stop the other program or set api.listen to another address`,
  });
  await second.stop();
});
