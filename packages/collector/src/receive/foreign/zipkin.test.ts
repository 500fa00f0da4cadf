import { gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { CollectorError } from "../../model/index.ts";
import { decodeRequest } from "../../otlp/index.ts";
import { open } from "../open.test-kit.ts";
import { createZipkinReceiver, type ZipkinReceiver } from "./zipkin-receiver.ts";

const running: ZipkinReceiver[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((receiver) => receiver.stop({ deadlineMs: 1_000 })));
});

async function openZipkin(settings: Parameters<typeof open>[0] = {}) {
  const opened = await open(settings);
  const receiver = createZipkinReceiver([{ host: "127.0.0.1", port: 0 }], opened.receiver.shared);
  running.push(receiver);
  const [address] = await receiver.start();
  const url = `http://${address!}/api/v2/spans`;
  const report = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: "POST",
      body:
        typeof body === "string"
          ? body
          : body instanceof Uint8Array
            ? new Uint8Array(body)
            : JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });
  const journaled = () =>
    decodeRequest(
      "spans",
      Buffer.concat(opened.appended.flatMap(({ batch }) => batch.payload)),
    ) as unknown as {
      readonly resourceSpans: readonly {
        readonly resource: object;
        readonly scopeSpans: readonly {
          readonly scope?: object;
          readonly spans: readonly Record<string, unknown>[];
        }[];
      }[];
    };
  const spans = () =>
    journaled().resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  return { ...opened, url, report, journaled, spans };
}

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const minimal = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", id: "00f067aa0ba902b7" };

test("a client's span as Brave reports it becomes an OTLP span", async () => {
  const { report, journaled, metrics } = await openZipkin();
  const answer = await report([
    {
      traceId: "5982fe77008310cc80f1da5e10147517",
      parentId: "90394f6bcffb5d13",
      id: "67fae42571535f60",
      kind: "CLIENT",
      name: "get /m/n/2.6.1",
      timestamp: 1516781775726000,
      duration: 26000,
      localEndpoint: { serviceName: "apache", ipv4: "10.57.50.70", port: 8080 },
      remoteEndpoint: { serviceName: "maven", ipv4: "10.57.50.84", port: 443 },
      tags: { "http.path": "/m/n/2.6.1", error: "Gateway Timeout" },
      annotations: [{ timestamp: 1516781775726500, value: "ws" }],
    },
  ]);
  expect([answer.status, await answer.text()]).toEqual([202, ""]);
  expect(journaled().resourceSpans).toEqual([
    {
      resource: { attributes: [text("service.name", "apache")] },
      scopeSpans: [
        {
          scope: { name: "", version: "" },
          spans: [
            {
              traceId: "5982fe77008310cc80f1da5e10147517",
              parentSpanId: "90394f6bcffb5d13",
              spanId: "67fae42571535f60",
              kind: 3,
              name: "get /m/n/2.6.1",
              startTimeUnixNano: "1516781775726000000",
              endTimeUnixNano: "1516781775752000000",
              attributes: [
                text("http.path", "/m/n/2.6.1"),
                text("peer.service", "maven"),
                text("network.peer.address", "10.57.50.84"),
                { key: "network.peer.port", value: { intValue: "443" } },
                text("network.local.address", "10.57.50.70"),
                { key: "network.local.port", value: { intValue: "8080" } },
              ],
              events: [{ timeUnixNano: "1516781775726500000", name: "ws" }],
              status: { code: 2, message: "Gateway Timeout" },
            },
          ],
        },
      ],
    },
  ]);
  expect(await metrics()).toContain(
    'quartet_receive_requests_total{signal="spans",protocol="zipkin",code="202"} 1',
  );
});

test("kinds, and the want of one, are those of OpenTelemetry's mapping", async () => {
  const { report, spans } = await openZipkin();
  const kinds = ["SERVER", "CLIENT", "PRODUCER", "CONSUMER", undefined];
  await report(kinds.map((kind) => ({ ...minimal, kind })));
  expect(spans().map(({ kind }) => kind)).toEqual([2, 3, 4, 5, 1]);
});

test("ids of 64 bits and of either case are filled up with zeros", async () => {
  const { report, spans } = await openZipkin();
  await report([{ traceId: "A3CE929D0E0E4736", id: "b7" }]);
  expect(spans()[0]).toMatchObject({
    traceId: "0000000000000000a3ce929d0e0e4736",
    spanId: "00000000000000b7",
  });
});

test("the server's half of a shared span becomes a child of the client's, with an id that is the same every time", async () => {
  const { report, spans } = await openZipkin();
  const shared = { ...minimal, parentId: "00f067aa0ba902b6", kind: "SERVER", shared: true };
  await report([{ ...minimal, kind: "CLIENT" }, shared]);
  await report([shared]);
  const [client, server, again] = spans();
  expect(server).toMatchObject({ parentSpanId: client!["spanId"], traceId: client!["traceId"] });
  expect(server!["spanId"]).not.toBe(client!["spanId"]);
  expect(again!["spanId"]).toBe(server!["spanId"]);
});

test.each([
  [{ error: "" }, { code: 2, message: "" }],
  [{ error: "true" }, { code: 2, message: "" }],
  [{ error: "no stock" }, { code: 2, message: "no stock" }],
  [{ error: "false" }, undefined],
  [{ "otel.status_code": "OK" }, { code: 1, message: "" }],
  [
    { "otel.status_code": "ERROR", error: "broken" },
    { code: 2, message: "broken" },
  ],
  [{ "http.status_code": "500" }, undefined],
])("tags %j give the status %j", async (tags, status) => {
  const { report, spans } = await openZipkin();
  await report([{ ...minimal, tags }]);
  expect(spans()[0]!["status"]).toEqual(status);
});

test("spans are grouped by service and scope", async () => {
  const { report, journaled } = await openZipkin();
  const tags = { "otel.scope.name": "http", "otel.scope.version": "1.2" };
  await report([
    { ...minimal, localEndpoint: { serviceName: "a" } },
    { ...minimal, localEndpoint: { serviceName: "b" }, tags },
    { ...minimal, localEndpoint: { serviceName: "a" }, tags },
    { ...minimal },
  ]);
  expect(
    journaled().resourceSpans.map(({ resource, scopeSpans }) => [
      JSON.stringify(resource).match(/stringValue":"(\w+)/)![1],
      scopeSpans.map(({ scope }) => scope),
    ]),
  ).toEqual([
    [
      "a",
      [
        { name: "", version: "" },
        { name: "http", version: "1.2" },
      ],
    ],
    ["b", [{ name: "http", version: "1.2" }]],
    ["unknown_service", [{ name: "", version: "" }]],
  ]);
});

test("an annotation as OpenTelemetry's exporters write an event gets its attributes back; what only looks like one stays text", async () => {
  const { report, spans } = await openZipkin();
  await report([
    {
      ...minimal,
      annotations: [
        { timestamp: 5, value: '"exception": { "exception.type": "Error", "count": 2, "deep": [1] }' },
        { timestamp: 4, value: '"exception": { "no end' },
      ],
    },
  ]);
  expect(spans()[0]).toMatchObject({
    // A span without a time began with its first annotation.
    startTimeUnixNano: "4000",
    events: [
      {
        name: "exception",
        attributes: [
          text("exception.type", "Error"),
          { key: "count", value: { intValue: "2" } },
          text("deep", "[1]"),
        ],
      },
      { name: '"exception": { "no end' },
    ],
  });
});

test("gzip, an empty list and a request without a content type are taken", async () => {
  const { report, appended, url } = await openZipkin();
  const zipped = await report(gzipSync(JSON.stringify([minimal])), { "content-encoding": "gzip" });
  expect([zipped.status, (await report([])).status]).toEqual([202, 202]);
  const untyped = await fetch(url, { method: "POST", body: Buffer.from(JSON.stringify([minimal])) });
  expect([untyped.status, appended.length]).toEqual([202, 2]);
});

test.each([
  ["no JSON", "[", "the body is no JSON"],
  ["no list", {}, "the body should be a list of spans"],
  ["no id", [{ traceId: "a" }], "[0].id should be 1 to 16 hexadecimal digits"],
  [
    "an id that is too long",
    [minimal, { ...minimal, traceId: "1".repeat(33) }],
    "[1].traceId should be 1 to 32",
  ],
  ["an unknown kind", [{ ...minimal, kind: "LOCAL" }], "[0].kind should be one of SERVER"],
  [
    "a time that is none",
    [{ ...minimal, timestamp: "soon" }],
    "[0].timestamp should be a number of microseconds",
  ],
  ["a tag that is none", [{ ...minimal, tags: { a: 1 } }], "[0].tags.a should be a string"],
  [
    "a port that is none",
    [{ ...minimal, localEndpoint: { port: 70_000 } }],
    "[0].localEndpoint.port should be a port",
  ],
])("%s is refused with 400 and a text that says where", async (_name, body, message) => {
  const { report, appended } = await openZipkin();
  const answer = await report(body);
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(message)]);
  expect(appended).toEqual([]);
});

test("other addresses, methods, types and encodings are refused", async () => {
  const { report, url } = await openZipkin();
  expect((await fetch(url)).status).toBe(405);
  expect((await fetch(url.replace("v2", "v1"), { method: "POST", body: "[]" })).status).toBe(404);
  expect((await report([], { "content-type": "application/x-protobuf" })).status).toBe(415);
  expect((await report([], { "content-encoding": "br" })).status).toBe(415);
});

test("a web page may not send, though it need not ask before a request without a content type", async () => {
  const { appended, url } = await openZipkin();
  const headers = { origin: "https://evil.example" };
  const answer = await fetch(url, { method: "POST", body: Buffer.from(JSON.stringify([minimal])), headers });
  expect([answer.status, await answer.text()]).toEqual([
    403,
    "pages of https://evil.example may not send here\n",
  ]);
  expect(appended).toEqual([]);
});

test("tokens, limits and a full journal are those of OTLP", async () => {
  const closed = await openZipkin({ tokens: ["secret"] });
  expect((await closed.report([minimal])).status).toBe(401);
  expect((await closed.report([minimal], { authorization: "Bearer secret" })).status).toBe(202);
  const small = await openZipkin({ requestSizeBytesMax: 1_000 });
  expect((await small.report(gzipSync(Buffer.alloc(1_000_000)), { "content-encoding": "gzip" })).status).toBe(
    413,
  );
  const full = await openZipkin({
    append: () => Promise.reject(new CollectorError("QUARTET_JOURNAL_FULL", "full", { retryAfterMs: 1_500 })),
  });
  const answer = await full.report([minimal]);
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
});

test("an address that is taken is named with the key that moves it", async () => {
  const { receiver, url } = await openZipkin();
  const port = Number(new URL(url).port);
  const second = createZipkinReceiver([{ host: "127.0.0.1", port }], receiver.shared);
  await expect(second.start()).rejects.toMatchObject({
    code: "QUARTET_ADDRESS_IN_USE",
    message: expect.stringContaining("receive.zipkin.listen") as string,
  });
});

test("a receiver that stops lets a request under way end", async () => {
  const begun = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const { report } = await openZipkin({
    append: async () => {
      begun.resolve();
      await finished.promise;
    },
  });
  const answer = report([minimal]);
  await begun.promise;
  const stopped = running[0]!.stop({ deadlineMs: 5_000 });
  finished.resolve();
  expect((await answer).status).toBe(202);
  await stopped;
});
