import { expect, test } from "vitest";
import { encodeRequest } from "./encode.ts";
import { countItems } from "./inspect.ts";
import {
  log,
  logsOf,
  plainSpan,
  resource,
  span,
  spanId,
  traceId,
  traces,
  tracesOf,
} from "./samples.test-kit.ts";
import { scanLogs } from "./scan-logs.ts";
import { scanSpans, type SpanScan } from "./scan-spans.ts";

const text = (bytes: Uint8Array, start: number, end: number) =>
  start < 0 ? undefined : Buffer.from(bytes.subarray(start, end)).toString();
const hex = (bytes: Uint8Array, start: number, size: number) =>
  start < 0 ? undefined : Buffer.from(bytes.subarray(start, start + size)).toString("hex");
const nanos = (high: number, low: number) => String(BigInt(high) * 2n ** 32n + BigInt(low));

function read(scan: SpanScan): object {
  const { bytes } = scan;
  return {
    service: text(bytes, scan.serviceNameStart, scan.serviceNameEnd),
    instance: text(bytes, scan.serviceInstanceIdStart, scan.serviceInstanceIdEnd),
    name: text(bytes, scan.nameStart, scan.nameEnd),
    state: text(bytes, scan.traceStateStart, scan.traceStateEnd),
    traceId: hex(bytes, scan.traceIdStart, 16),
    spanId: hex(bytes, scan.spanIdStart, 8),
    parent: hex(bytes, scan.parentSpanIdStart, 8),
    kind: scan.kind,
    status: scan.statusCode,
    flags: scan.flags,
    start: nanos(scan.startHigh, scan.startLow),
    end: nanos(scan.endHigh, scan.endLow),
  };
}

function readAll(bytes: Uint8Array): object[] {
  const seen: object[] = [];
  scanSpans(bytes, (scan) => seen.push(read(scan)));
  return seen;
}

test("the scan hands out where the parts of a span lie", () => {
  expect(readAll(encodeRequest("spans", tracesOf(span, plainSpan)))).toEqual([
    {
      service: "payments",
      instance: "one",
      name: span.name,
      state: span.traceState,
      traceId,
      spanId,
      parent: span.parentSpanId,
      kind: 2,
      status: 2,
      flags: 257,
      start: span.startTimeUnixNano,
      end: span.endTimeUnixNano,
    },
    {
      service: "payments",
      instance: "one",
      name: plainSpan.name,
      state: undefined,
      traceId,
      spanId,
      parent: undefined,
      kind: 2,
      status: 0,
      flags: 0,
      start: plainSpan.startTimeUnixNano,
      end: plainSpan.endTimeUnixNano,
    },
  ]);
});

test("ranges of the span and of its resource hold exactly their bytes", () => {
  const bytes = encodeRequest("spans", tracesOf(plainSpan));
  scanSpans(bytes, (scan) => {
    const alone = { resourceSpans: [{ scopeSpans: [{ spans: [plainSpan] }] }] };
    // Two groups with a tag and a length each stand around the span.
    const wanted = Buffer.from(encodeRequest("spans", alone));
    const outer = Buffer.from(scan.bytes.subarray(scan.outerStart, scan.end));
    expect(wanted.subarray(wanted.length - outer.length)).toEqual(outer);
    const content = Buffer.from(scan.bytes.subarray(scan.start, scan.end));
    expect(outer.subarray(outer.length - content.length)).toEqual(content);
    const inside = Buffer.from(scan.bytes.subarray(scan.resourceStart, scan.resourceEnd)).toString("latin1");
    expect(inside).toContain("service.name");
    expect(inside).toContain("https://example.org/1");
    expect(inside).not.toContain("GET /");
  });
});

test("a view into a larger buffer is scanned by its own offsets", () => {
  const bytes = encodeRequest("spans", traces);
  const larger = Buffer.concat([Buffer.alloc(37, 0xff), bytes, Buffer.alloc(5, 0xff)]);
  expect(readAll(larger.subarray(37, 37 + bytes.length))).toEqual(readAll(bytes));
});

test("requests may be concatenated, and nothing of one resource or span is taken for the next", () => {
  const bare = { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId, spanId, name: "bare" }] }] }] };
  const bytes = Buffer.concat([encodeRequest("spans", traces), encodeRequest("spans", bare)]);
  expect(readAll(bytes)[1]).toMatchObject({
    service: undefined,
    instance: undefined,
    parent: undefined,
    state: undefined,
    status: 0,
    flags: 0,
    start: "0",
  });
  expect(countItems("spans", bytes)).toBe(2);
});

function field(number: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.from([number * 8 + 2, ...size, ...content]);
}
const attribute = (key: string, value: Uint8Array) =>
  field(1, Buffer.concat([field(1, Buffer.from(key)), field(2, value)]));
const someSpan = field(
  2,
  field(2, Buffer.concat([field(1, Buffer.alloc(16, 1)), field(2, Buffer.alloc(8, 1))])),
);

test("a resource that stands behind its spans is found all the same", () => {
  const named = field(1, attribute("service.name", field(1, Buffer.from("late"))));
  expect(readAll(field(1, Buffer.concat([someSpan, named])))).toMatchObject([{ service: "late" }]);
});

test("of several service names the first text counts; other kinds of value are none", () => {
  const number = attribute("service.name", Buffer.from([0x18, 7]));
  const both = attribute(
    "service.name",
    Buffer.concat([field(1, Buffer.from("no")), Buffer.from([0x18, 7])]),
  );
  const first = attribute("service.name", field(1, Buffer.from("first")));
  const second = attribute("service.name", field(1, Buffer.from("second")));
  const group = field(1, Buffer.concat([field(1, Buffer.concat([number, both, first, second])), someSpan]));
  expect(readAll(group)).toMatchObject([{ service: "first" }]);
});

test("a resource that comes twice is merged", () => {
  const one = field(1, attribute("service.name", field(1, Buffer.from("a"))));
  const two = field(1, attribute("service.instance.id", field(1, Buffer.from("b"))));
  expect(readAll(field(1, Buffer.concat([one, someSpan, two])))).toMatchObject([
    { service: "a", instance: "b" },
  ]);
});

test.each([
  ["zero", { traceId: "0".repeat(32), spanId: "0".repeat(16), parentSpanId: "0".repeat(16) }],
  ["short", { traceId: "ab", spanId: "abcd", parentSpanId: "abcdef" }],
  ["empty", { traceId: "", spanId: "", parentSpanId: "" }],
])("%s ids are none", (_, ids) => {
  const [seen] = readAll(encodeRequest("spans", tracesOf({ ...plainSpan, ...ids })));
  expect(seen).toMatchObject({ traceId: undefined, spanId: undefined, parent: undefined, name: "GET /" });
});

test("a parent id of zeros is a root, whether the span is plain or not", () => {
  const parentSpanId = "0".repeat(16);
  const spans = tracesOf({ ...plainSpan, parentSpanId }, { ...span, parentSpanId });
  expect(readAll(encodeRequest("spans", spans))).toMatchObject([
    { parent: undefined },
    { parent: undefined },
  ]);
});

test("names of any length and kinds of the future come as they are", () => {
  const name = "n".repeat(70_000);
  const spans = tracesOf({ ...plainSpan, name, kind: 9_000, status: { code: -1 } });
  expect(readAll(encodeRequest("spans", spans))).toMatchObject([{ name, kind: 9_000, status: -1 }]);
});

test("log records are scanned for severity, body, ids and both times", () => {
  const bytes = encodeRequest("logs", logsOf(log, {}));
  const seen: unknown[] = [];
  scanLogs(bytes, (scan) =>
    seen.push({
      service: text(scan.bytes, scan.serviceNameStart, scan.serviceNameEnd),
      severityNumber: scan.severityNumber,
      severityText: text(scan.bytes, scan.severityTextStart, scan.severityTextEnd),
      body: text(scan.bytes, scan.bodyStart, scan.bodyEnd)?.slice(2),
      eventName: text(scan.bytes, scan.eventNameStart, scan.eventNameEnd),
      traceId: hex(scan.bytes, scan.traceIdStart, 16),
      spanId: hex(scan.bytes, scan.spanIdStart, 8),
      time: nanos(scan.timeHigh, scan.timeLow),
      observed: nanos(scan.observedHigh, scan.observedLow),
    }),
  );
  expect(seen).toEqual([
    {
      service: resource.attributes[0]!.value.stringValue,
      severityNumber: 17,
      severityText: "ERROR",
      body: log.body.stringValue,
      eventName: log.eventName,
      traceId,
      spanId,
      time: log.timeUnixNano,
      observed: log.observedTimeUnixNano,
    },
    {
      service: "payments",
      severityNumber: 0,
      severityText: undefined,
      body: undefined,
      eventName: undefined,
      traceId: undefined,
      spanId: undefined,
      time: "0",
      observed: "0",
    },
  ]);
});
