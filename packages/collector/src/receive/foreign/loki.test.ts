import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { CollectorError } from "../../model/index.ts";
import { compressSnappy, decodeRequest } from "../../otlp/index.ts";
import { openPush, type OpenedPush } from "./push.test-kit.ts";

const time = "1700000000123456789";
const push = (url: string, body: Uint8Array | string, headers: Record<string, string> = {}) =>
  fetch(`${url}/loki/api/v1/push`, {
    method: "POST",
    body: typeof body === "string" ? body : new Uint8Array(body),
    headers: { "content-type": "application/json", ...headers },
  });
const streams = (...values: { stream?: object; values: unknown }[]) => JSON.stringify({ streams: values });

interface Logs {
  readonly resourceLogs: readonly {
    readonly resource: object;
    readonly scopeLogs: readonly { readonly logRecords: readonly object[] }[];
  }[];
}
const journaled = ({ appended }: OpenedPush): Logs =>
  decodeRequest("logs", Buffer.concat(appended[0]!.batch.payload)) as unknown as Logs;
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

/** A length-delimited field. */
const field = (number: number, content: Uint8Array | string) => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};

test("JSON becomes OTLP: labels the resource, structured metadata attributes, severity and ids their own fields", async () => {
  const opened = await openPush();
  const answer = await push(
    opened.url,
    streams({
      stream: { service_name: "shop", k8s_pod_name: "shop-1", level: "warning", team: "a" },
      values: [
        [
          time,
          "line one",
          { trace_id: "4BF92F3577B34DA6A3CE929D0E0E4736", span_id: "00f067aa0ba902b7", order: "7" },
        ],
        ["1", "line two", { detected_level: "error", trace_id: "short" }],
        ["2", "line three", { severity_number: "10" }],
      ],
    }),
  );
  expect([answer.status, await answer.text()]).toEqual([204, ""]);
  expect(opened.appended.map(({ signal, batch }) => [signal, batch.itemCount])).toEqual([["logs", 3]]);
  const [resourceLogs] = journaled(opened).resourceLogs;
  expect(resourceLogs!.resource).toEqual({
    attributes: [text("service.name", "shop"), text("k8s.pod.name", "shop-1"), text("team", "a")],
  });
  expect(resourceLogs!.scopeLogs[0]!.logRecords).toMatchObject([
    {
      timeUnixNano: time,
      severityNumber: 13,
      severityText: "warning",
      body: { stringValue: "line one" },
      attributes: [text("order", "7")],
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      spanId: "00f067aa0ba902b7",
    },
    { timeUnixNano: "1", severityNumber: 17, severityText: "error", attributes: [text("trace_id", "short")] },
    { severityNumber: 10, severityText: "warning" },
  ]);
});

test("a stream without a service's name gets it from the labels in which Loki looks for it", async () => {
  const opened = await openPush();
  await push(
    opened.url,
    streams(
      { stream: { job: "cron", app: "billing" }, values: [[time, "a"]] },
      { stream: { site: "x" }, values: [[time, "b"]] },
    ),
  );
  const attributes = journaled(opened).resourceLogs.map(({ resource }) => resource);
  expect(attributes).toEqual([
    { attributes: [text("job", "cron"), text("app", "billing"), text("service.name", "billing")] },
    { attributes: [text("site", "x"), text("service.name", "unknown_service")] },
  ]);
});

test("protobuf in snappy says the same", async () => {
  const opened = await openPush();
  // 1700000000 s and 5 ns.
  const timestamp = field(1, Buffer.from([0x08, 0x80, 0xe2, 0xcf, 0xaa, 0x06, 0x10, 5]));
  const metadata = field(3, Buffer.concat([field(1, "user"), field(2, "ü")]));
  const entry = field(2, Buffer.concat([timestamp, field(2, "a line"), metadata]));
  const labels = field(1, String.raw`{app="a \"quoted\" \u00fc\n", level="info"}`);
  const body = compressSnappy(field(1, Buffer.concat([labels, entry])));
  const answer = await push(opened.url, body, { "content-type": "application/x-protobuf" });
  expect(answer.status).toBe(204);
  const [resourceLogs] = journaled(opened).resourceLogs;
  expect(resourceLogs).toMatchObject({
    resource: { attributes: [text("app", 'a "quoted" ü\n'), text("service.name", 'a "quoted" ü\n')] },
    scopeLogs: [
      {
        logRecords: [
          {
            timeUnixNano: "1700000000000000005",
            severityNumber: 9,
            body: { stringValue: "a line" },
            attributes: [text("user", "ü")],
          },
        ],
      },
    ],
  });
});

test("gzip is unpacked, and an empty push is a success that leaves the journal alone", async () => {
  const opened = await openPush();
  const body = gzipSync(streams({ stream: {}, values: [[time, "a"]] }));
  expect((await push(opened.url, body, { "content-encoding": "gzip" })).status).toBe(204);
  expect((await push(opened.url, streams())).status).toBe(204);
  expect((await push(opened.url, streams({ stream: { a: "b" }, values: [] }))).status).toBe(204);
  expect(opened.appended).toHaveLength(1);
});

test("half a character in a line harms nobody", async () => {
  const opened = await openPush();
  const body = `{"streams":[{"stream":{"app":"x"},"values":[["1","\\ud800 half"],["2","whole"]]}]}`;
  expect((await push(opened.url, body)).status).toBe(204);
  expect(JSON.stringify(journaled(opened))).toContain("\ufffd half");
});

test.each([
  ["no JSON", "{", "the body is no JSON"],
  [
    "a time that is a number",
    streams({ values: [[1, "a"]] }),
    "streams[0].values[0][0] should be a string of",
  ],
  ["a line that is none", streams({ values: [["1", 7]] }), "streams[0].values[0][1] should be a string"],
  [
    "metadata that is none",
    streams({ values: [["1", "a", { b: 5 }]] }),
    "streams[0].values[0][2].b should be",
  ],
  [
    "labels that are none",
    streams({ stream: { a: {} }, values: [] }),
    "streams[0].stream.a should be a string",
  ],
])("%s is refused with 400 and a text that says where", async (_name, body, message) => {
  const { url, appended } = await openPush();
  const answer = await push(url, body);
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(message)]);
  expect(answer.headers.get("content-type")).toContain("text/plain");
  expect(appended).toEqual([]);
});

test.each([
  "app",
  "{app}",
  "{app=x}",
  '{app="x" b="y"}',
  String.raw`{app="\q"}`,
  String.raw`{app="\U00200000"}`,
])("protobuf whose labels are %j is refused with 400", async (labels) => {
  const { url } = await openPush();
  const body = compressSnappy(field(1, field(1, labels)));
  const answer = await push(url, body, { "content-type": "application/x-protobuf" });
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("the labels ")]);
});

test("a push with more entries than memory is taken for is refused with 413", async () => {
  const { url } = await openPush({ requestSizeBytesMax: 8_000_000 });
  // Six hundred thousand empty entries of two bytes each, in one stream.
  const entries = Buffer.alloc(1_200_000, Buffer.from([0x12, 0]));
  const length = Buffer.from([
    0x0a,
    0x80 | (1_200_000 & 0x7f),
    0x80 | ((1_200_000 >> 7) & 0x7f),
    1_200_000 >> 14,
  ]);
  const body = compressSnappy(Buffer.concat([length, entries]));
  expect((await push(url, body, { "content-type": "application/x-protobuf" })).status).toBe(413);
});

test("other content types and encodings are refused with 415, a full journal with 503 and Retry-After", async () => {
  const { url } = await openPush({
    append: () => Promise.reject(new CollectorError("QUARTET_JOURNAL_FULL", "full", { retryAfterMs: 2_500 })),
  });
  const body = streams({ stream: {}, values: [[time, "a"]] });
  expect((await push(url, body, { "content-type": "text/plain" })).status).toBe(415);
  expect((await push(url, body, { "content-encoding": "br" })).status).toBe(415);
  const full = await push(url, body);
  expect([full.status, full.headers.get("retry-after")]).toEqual([503, "3"]);
});
