import { connect } from "node:net";
import { expect, test } from "vitest";
import { startReceiver, type Receiver, type ReceivedSpan } from "./receiver.ts";
import { eventually, startService } from "./service.ts";

const internal = 1;
const server = 2;
const client = 3;
const traceId = "0af7651916cd43dd8448eb211c80319c";
const parentId = "b7ad6b7169203331";

/** The span that fits, once it has arrived. */
function spanOf(receiver: Receiver, fits: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan> {
  return eventually("the span", () => receiver.spans.find(fits));
}

for (const script of ["shop.cjs", "shop.mjs"]) {
  test(`${script}: a request gives one server span named by method and route, with the stable attributes`, async () => {
    await using receiver = await startReceiver();
    await using service = await startService({ script, endpoint: receiver.url });
    const response = await fetch(`${service.url}/items/7?token=abc&x=1`);
    expect(await response.json()).toEqual({ id: "7" });
    const span = await spanOf(receiver, ({ kind }) => kind === server);
    expect(span.name).toBe("GET /items/:id");
    expect(span.attributes).toMatchObject({
      "http.request.method": "GET",
      "http.route": "/items/:id",
      "http.response.status_code": 200,
      "url.path": "/items/7",
      "url.query": "token=REDACTED&x=1",
      "url.scheme": "http",
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(service.url).port),
    });
    expect(span.status).toBe(0);
    expect(span.parentSpanId).toBe("");
    expect(span.resource).toMatchObject({ "service.name": "under-test", "telemetry.sdk.language": "nodejs" });
    expect(span.resource["service.instance.id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(span.endNano).toBeGreaterThan(span.startNano);
    expect(Math.abs(Number(span.endNano / 1_000_000n) - span.receivedMs)).toBeLessThan(20_000);
  });

  test(`${script}: answers are the same with and without the agent`, async () => {
    await using receiver = await startReceiver();
    await using with_ = await startService({ script, endpoint: receiver.url });
    await using without = await startService({ script, endpoint: undefined });
    const answersOf = (url: string) =>
      Promise.all(
        ["/items/1", "/fails", "/refused", "/nowhere"].map(async (path) => {
          const response = await fetch(url + path);
          return [response.status, response.headers.get("content-type"), await response.text()];
        }),
      );
    expect(await answersOf(with_.url)).toEqual(await answersOf(without.url));
  });

  test(`${script}: a thrown error is an error with its exception; a refusal and a wrong path are not`, async () => {
    await using receiver = await startReceiver();
    await using service = await startService({ script, endpoint: receiver.url });
    for (const path of ["/fails", "/refused", "/nowhere"]) await (await fetch(service.url + path)).text();
    const failed = await spanOf(receiver, ({ name }) => name === "GET /fails");
    expect(failed.status).toBe(2);
    expect(failed.attributes).toMatchObject({ "http.response.status_code": 500, "error.type": "500" });
    expect(failed.events).toMatchObject([
      { name: "exception", attributes: { "exception.type": "Error", "exception.message": "out of stock" } },
    ]);
    // Refused by a hook, before the handler: the template is known all the same.
    const refused = await spanOf(receiver, ({ name }) => name === "GET /refused");
    expect(refused).toMatchObject({ status: 0, attributes: { "http.response.status_code": 403 } });
    expect(refused.attributes["error.type"]).toBeUndefined();
    const missing = await spanOf(receiver, ({ name }) => name === "GET");
    expect(missing).toMatchObject({ status: 0, attributes: { "http.response.status_code": 404 } });
    expect(missing.attributes["http.route"]).toBeUndefined();
  });
}

test("one trace goes through fetch and http.get from service to service", async () => {
  await using receiver = await startReceiver();
  await using last = await startService({
    script: "shop.cjs",
    endpoint: receiver.url,
    env: { OTEL_SERVICE_NAME: "last" },
  });
  await using middle = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    env: { OTEL_SERVICE_NAME: "middle" },
  });
  await using first = await startService({
    script: "shop.mjs",
    endpoint: receiver.url,
    env: { OTEL_SERVICE_NAME: "first" },
  });
  const inner = `${last.url}/items/5?api_key=secret`;
  const middleUrl = `${middle.url}/calls?url=${encodeURIComponent(inner)}`;
  const response = await fetch(`${first.url}/calls?url=${encodeURIComponent(middleUrl)}`);
  expect(response.status).toBe(200);
  await eventually("five spans", () => receiver.spans.length >= 5);
  expect(new Set(receiver.spans.map((span) => span.traceId)).size).toBe(1);
  const chain: unknown[] = [];
  let parent = "";
  for (;;) {
    const span = receiver.spans.find(({ parentSpanId }) => parentSpanId === parent);
    if (span === undefined) break;
    chain.push([span.resource["service.name"], span.kind, span.name]);
    parent = span.spanId;
  }
  expect(chain).toEqual([
    ["first", server, "GET /calls"],
    ["first", client, "GET"],
    ["middle", server, "GET"],
    ["middle", client, "GET"],
    ["last", server, "GET /items/:id"],
  ]);
  const call = receiver.spans.find(
    (span) => span.kind === client && span.resource["service.name"] === "middle",
  );
  expect(call?.attributes).toMatchObject({
    "http.request.method": "GET",
    "url.full": `${last.url}/items/5?api_key=REDACTED`,
    "server.address": "127.0.0.1",
    "server.port": Number(new URL(last.url).port),
    "http.response.status_code": 200,
  });
});

test("a call that is answered 404, or not at all, is an error of the client span", async () => {
  await using receiver = await startReceiver();
  await using plain = await startService({ script: "plain.mjs", endpoint: receiver.url });
  await using shop = await startService({ script: "shop.mjs", endpoint: receiver.url });
  const closedPort = new URL((await startThenStop()).url).port;
  for (const service of [plain, shop]) {
    for (const url of [`${shop.url}/nowhere`, `http://127.0.0.1:${closedPort}/`])
      await (await fetch(`${service.url}/calls?url=${encodeURIComponent(url)}`)).text();
  }
  await eventually(
    "four client spans",
    () => receiver.spans.filter(({ kind }) => kind === client).length === 4,
  );
  const calls = receiver.spans.filter(({ kind }) => kind === client);
  const types = calls.map(({ attributes }) => String(attributes["error.type"]));
  expect(calls.map(({ status }) => status)).toEqual([2, 2, 2, 2]);
  expect(types.filter((type) => type === "404")).toHaveLength(2);
  expect(types.filter((type) => type === "ECONNREFUSED")).toHaveLength(2);
});

async function startThenStop(): Promise<Receiver> {
  const receiver = await startReceiver();
  await receiver.stop();
  return receiver;
}

test("a traceparent is continued, with its state and baggage handed on; a broken one begins a new trace", async () => {
  await using receiver = await startReceiver();
  await using last = await startService({ script: "plain.mjs", endpoint: receiver.url });
  await using first = await startService({ script: "plain.mjs", endpoint: receiver.url });
  const call = async (headers: Record<string, string>) => {
    const url = `${first.url}/calls?url=${encodeURIComponent(`${last.url}/echo`)}`;
    const answer = (await (await fetch(url, { headers })).json()) as { body: string };
    return (JSON.parse(answer.body) as { headers: Record<string, string> }).headers;
  };
  const seen = await call({
    traceparent: `00-${traceId}-${parentId}-01`,
    tracestate: "vendor=1",
    baggage: "tenant=blue",
  });
  expect(seen["traceparent"]).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
  expect(seen["tracestate"]).toBe("vendor=1");
  expect(seen["baggage"]).toBe("tenant=blue");
  const continued = await spanOf(receiver, ({ parentSpanId }) => parentSpanId === parentId);
  expect(continued).toMatchObject({ traceId, kind: server, traceState: "vendor=1" });
  // Bits 8 and 9: it is known that the parent is remote.
  expect(continued.flags).toBe(0x301);

  const anew = await call({ traceparent: `00-${traceId}-${parentId}-1` });
  expect(anew["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(anew["traceparent"]).not.toContain(traceId);
});

test("an unsampled parent makes nothing to send, and is handed on as unsampled", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url });
  const url = `${service.url}/calls?url=${encodeURIComponent(`${service.url}/echo`)}`;
  const answer = (await (
    await fetch(url, { headers: { traceparent: `00-${traceId}-${parentId}-00` } })
  ).json()) as { body: string };
  const { headers } = JSON.parse(answer.body) as { headers: Record<string, string> };
  expect(headers["traceparent"]).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  expect(await service.metric("quartet_agent_recorded_total", { signal: "spans" })).toBe(0);
  // Every request counts in the histogram, sampled or not.
  expect(await service.metric("http_server_request_duration_seconds_count")).toBe(2);
});

test("a sampled span says how many it stands for, and every request counts in the histogram", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    env: { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.5" },
  });
  const count = 60;
  for (let index = 0; index < count; index += 1) await (await fetch(`${service.url}/echo`)).text();
  const recorded = (await service.metric("quartet_agent_recorded_total", { signal: "spans" })) ?? 0;
  // Fewer than 5 or more than 55 of 60 come once in 10^11 runs.
  expect(recorded).toBeGreaterThan(5);
  expect(recorded).toBeLessThan(55);
  await eventually("the spans", () => receiver.spans.length === recorded);
  expect(new Set(receiver.spans.map(({ traceState }) => traceState))).toEqual(new Set(["ot=th:8"]));
  expect(await service.metric("http_server_request_duration_seconds_count")).toBe(count);
});

test("the context holds when the body of a raw POST ends, and spans of the service's own nest", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url });
  const { port } = new URL(service.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.write("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n");
  // The rest comes later, in events that belong to the connection.
  await eventually("the request", () =>
    service.metric("quartet_agent_recorded_total", { signal: "spans" }).then((n) => n === 0),
  );
  socket.write("abc");
  await new Promise((resolve) => socket.write("def", resolve));
  const echoed = await eventually("the log", () => receiver.logs.find(({ body }) => body === "echoed"));
  const post = await spanOf(receiver, ({ name }) => name === "POST");
  expect(echoed).toMatchObject({ traceId: post.traceId, spanId: post.spanId, attributes: { size: 6 } });

  // The same connection again: nothing of the first request may be left.
  socket.write("GET /spans HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const outer = await spanOf(receiver, ({ name }) => name === "outer");
  socket.destroy();
  const inner = await spanOf(receiver, ({ name }) => name === "inner");
  const request = await spanOf(receiver, ({ kind, name }) => kind === server && name === "GET");
  expect(request.traceId).not.toBe(post.traceId);
  expect(outer).toMatchObject({ kind: internal, parentSpanId: request.spanId, scope: "mine" });
  expect(inner).toMatchObject({
    parentSpanId: outer.spanId,
    attributes: { answer: 42 },
    events: [{ name: "seen", attributes: { how: "well" } }],
  });
  const inside = await eventually("the log", () => receiver.logs.find(({ body }) => body === "inside"));
  expect(inside).toMatchObject({ traceId: inner.traceId, spanId: inner.spanId, severityNumber: 13 });
});

test("what happens outside requests carries no ids", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url });
  for (let round = 0; round < 3; round += 1) await (await fetch(`${service.url}/quiet`)).text();
  await eventually("three logs", () => receiver.logs.filter(({ body }) => body === "outside").length === 3);
  expect(receiver.logs.map(({ traceId: id }) => id)).toEqual(["", "", ""]);
  expect(service.process.stdout()).not.toContain("trace_id");
});

test("a client that leaves gives a span without status code, and not an error of the server", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url });
  const leave = new AbortController();
  const request = fetch(`${service.url}/never`, { signal: leave.signal });
  await eventually("the request", () => service.process.stdout().includes("never answering"));
  leave.abort();
  await expect(request).rejects.toThrow(/fetch failed|aborted/);
  const span = await spanOf(receiver, ({ kind }) => kind === server);
  expect(span).toMatchObject({ status: 0, attributes: { "error.type": "client_disconnected" } });
  expect(span.attributes["http.response.status_code"]).toBeUndefined();
});

test("the agent's own requests, and those to its own port, are not traced", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    env: { OTEL_METRIC_EXPORT_INTERVAL: "100" },
  });
  for (const path of ["/metrics", "/livez", "/readyz", "/metrics"])
    await (await fetch(service.adminUrl + path)).text();
  await (await fetch(`${service.url}/echo`)).text();
  await eventually("pushes and spans", () => receiver.requests.length > 5 && receiver.spans.length > 0);
  expect(receiver.spans).toHaveLength(1);
  expect(await service.metric("quartet_agent_recorded_total", { signal: "spans" })).toBe(1);
  expect(await service.metric("http_server_request_duration_seconds_count")).toBe(1);
});

test("a worker thread traces and logs, and opens no port of its own", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "worker.mjs", endpoint: receiver.url });
  expect(await (await fetch(`${service.url}/from-the-thread`)).text()).toBe("threaded");
  const span = await spanOf(receiver, ({ kind }) => kind === server);
  expect(span.attributes["url.path"]).toBe("/from-the-thread");
  const log = await eventually("the log", () => receiver.logs.find(({ body }) => body === "in the thread"));
  expect(log).toMatchObject({ traceId: span.traceId, spanId: span.spanId });
  // The one admin port belongs to the main thread, whose own spans are none.
  expect(await service.metric("quartet_agent_recorded_total", { signal: "spans" })).toBe(0);
  expect(service.process.stderr()).toBe("");
});
