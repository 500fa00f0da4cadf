import { expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { decodeRequest } from "./decode.ts";
import { encodeRequest } from "./encode.ts";
import { countItems, inspectRequest } from "./inspect.ts";
import { log, logsOf, metrics, metricsOf, plainSpan, span, traces, tracesOf } from "./samples.test-kit.ts";
import type { OtlpSignal } from "./schema.ts";

/** A length-delimited field; `content` is bytes or other fields. */
function field(number: number, ...content: readonly (Uint8Array | number)[]): Buffer {
  const inner = Buffer.concat(content.map((part) => (typeof part === "number" ? Buffer.from([part]) : part)));
  const length = inner.length < 0x80 ? [inner.length] : [(inner.length & 0x7f) | 0x80, inner.length >> 7];
  return Buffer.from([number * 8 + 2, ...length, ...inner]);
}
const text = (number: number, value: string) => field(number, Buffer.from(value));
const ids = [field(1, Buffer.alloc(16, 7)), field(2, Buffer.alloc(8, 7))];
/** A request with one span that has ids and these fields. */
const spanOf = (...fields: readonly (Uint8Array | number)[]) =>
  field(1, field(2, field(2, ...ids, ...fields)));
const notUtf8 = Buffer.from([0xc3, 0x28]);

test("a good batch is passed on as the very same bytes", () => {
  for (const [signal, request, itemCount] of [
    ["spans", tracesOf(span, plainSpan), 2],
    ["logs", logsOf(log, {}, log), 3],
    ["metrics", metrics, 6],
  ] as const) {
    const bytes = encodeRequest(signal, request);
    const inspection = inspectRequest(signal, bytes);
    expect(inspection).toMatchObject({ itemCount, rejectedCount: 0, rejectedReason: "" });
    expect(inspection.bytes).toBe(bytes);
    expect(countItems(signal, bytes)).toBe(itemCount);
  }
});

test("an empty request has nothing in it and nothing wrong with it", () => {
  expect(inspectRequest("spans", new Uint8Array())).toMatchObject({ itemCount: 0, rejectedCount: 0 });
});

test("bad spans are cut out and the rest stays as it was", () => {
  const bad = { ...span, spanId: "0000000000000000" };
  const inspection = inspectRequest("spans", encodeRequest("spans", tracesOf(span, bad, plainSpan)));
  expect(inspection).toMatchObject({ itemCount: 2, rejectedCount: 1 });
  expect(inspection.rejected).toEqual(new Map([["invalid_id", 1]]));
  expect(inspection.rejectedReason).toBe(
    "resourceSpans[0].scopeSpans[0].spans[1]: a trace id needs 16 bytes and a span id 8, not all of them zero",
  );
  expect(decodeRequest("spans", inspection.bytes)).toEqual(tracesOf(span, plainSpan));
});

test("among ordinary attributes one in another script passes, and one that is no text is found at its place", () => {
  const attribute = (key: string, value: string | Buffer): Buffer =>
    field(9, text(1, key), field(2, field(1, typeof value === "string" ? Buffer.from(value) : value)));
  const long = "x".repeat(100);
  const good = spanOf(
    attribute("a", "1"),
    attribute("b", "größer"),
    attribute("c", long),
    attribute("d", ""),
  );
  expect(inspectRequest("spans", good)).toMatchObject({ itemCount: 1, rejectedReason: "" });
  const bad = spanOf(attribute("a", "1"), attribute("b", long), attribute("c", notUtf8), attribute("d", "1"));
  check(
    "spans",
    bad,
    "invalid_utf8",
    "resourceSpans[0].scopeSpans[0].spans[0].attributes[2].value.stringValue",
  );
});

test("lengths that shrink below 128 lose their second byte", () => {
  const long = { ...plainSpan, traceId: "", name: "x".repeat(300) };
  const { bytes } = inspectRequest("spans", encodeRequest("spans", tracesOf(long, plainSpan, long)));
  expect(Buffer.from(bytes)).toEqual(encodeRequest("spans", tracesOf(plainSpan)));
});

/** Why the one item of the request is rejected, and where. */
function check(signal: OtlpSignal, bytes: Uint8Array, reason: string, place: string): void {
  const inspection = inspectRequest(signal, bytes);
  expect([...inspection.rejected]).toEqual([[reason, 1]]);
  expect(inspection).toMatchObject({ itemCount: 0, rejectedCount: 1 });
  expect(inspection.rejectedReason).toMatch(`${place}: `);
  expect(inspectRequest(signal, inspection.bytes)).toMatchObject({ itemCount: 0, rejectedCount: 0 });
}

test("text that is no UTF-8 rejects the span, wherever it stands", () => {
  const at = "resourceSpans[0].scopeSpans[0].spans[0]";
  const badValue = field(2, field(1, notUtf8));
  check("spans", spanOf(field(5, notUtf8)), "invalid_utf8", `${at}.name`);
  check("spans", spanOf(field(3, notUtf8)), "invalid_utf8", `${at}.traceState`);
  check("spans", spanOf(field(9, field(1, notUtf8))), "invalid_utf8", `${at}.attributes[0].key`);
  check(
    "spans",
    spanOf(field(9, text(1, "k"), badValue)),
    "invalid_utf8",
    `${at}.attributes[0].value.stringValue`,
  );
  check("spans", spanOf(field(11, field(2, notUtf8))), "invalid_utf8", `${at}.events[0].name`);
  check(
    "spans",
    spanOf(field(13, field(4, badValue))),
    "invalid_utf8",
    `${at}.links[0].attributes[0].value.stringValue`,
  );
  check("spans", spanOf(field(15, field(2, notUtf8))), "invalid_utf8", `${at}.status.message`);
});

test("text beyond ASCII is good, and so are bytes that are no text", () => {
  const any = (value: Uint8Array) => field(9, text(1, "schlüssel"), field(2, value));
  const bytes = spanOf(text(5, "köln"), any(text(1, "größe 🎉")), any(field(7, notUtf8)));
  expect(inspectRequest("spans", bytes)).toMatchObject({ itemCount: 1, rejectedCount: 0 });
});

test("ids of another size reject what they stand in: back ends refuse a whole batch for them", () => {
  const at = "resourceSpans[0].scopeSpans[0].spans[0]";
  check(
    "spans",
    encodeRequest("spans", tracesOf({ ...plainSpan, traceId: "abcd" })),
    "invalid_id",
    `${at}.traceId`,
  );
  check("spans", spanOf(field(4, 1, 2)), "invalid_id", `${at}.parentSpanId`);
  check("spans", spanOf(field(13, field(1, 1, 2))), "invalid_id", `${at}.links[0].traceId`);
  check("logs", encodeRequest("logs", logsOf({ traceId: "abcd" })), "invalid_id", "logRecords[0].traceId");
  const exemplars = [{ spanId: "ab" }];
  const gauge = { dataPoints: [{ asInt: "1", exemplars }] };
  check(
    "metrics",
    encodeRequest("metrics", metricsOf({ gauge })),
    "invalid_id",
    "dataPoints[0].exemplars[0].spanId",
  );
});

test("a log record needs no ids, and zeros are none", () => {
  const request = logsOf({}, { traceId: "0".repeat(32), spanId: "0".repeat(16) });
  expect(inspectRequest("logs", encodeRequest("logs", request))).toMatchObject({
    itemCount: 2,
    rejectedCount: 0,
  });
});

test("a bad resource rejects all its items and no other's", () => {
  const bad = field(
    1,
    field(1, field(1, field(1, notUtf8))),
    field(2, field(2, ...ids), field(2, ...ids), field(2)),
  );
  const bytes = Buffer.concat([bad, encodeRequest("spans", traces)]);
  const inspection = inspectRequest("spans", bytes);
  expect(inspection).toMatchObject({ itemCount: 1, rejectedCount: 3 });
  expect(inspection.rejectedReason).toContain("resourceSpans[0].resource.attributes[0].key");
  expect(decodeRequest("spans", inspection.bytes)).toEqual(traces);
});

test("a bad metric rejects its data points, a bad scope those of its metrics", () => {
  const points = field(5, field(1), field(1));
  const bad = field(2, text(1, "a"), points);
  const good = field(2, text(1, "b"), points);
  const bytes = field(
    1,
    field(2, bad, good, field(2, field(1, notUtf8), points)),
    field(2, field(1, field(1, notUtf8)), good),
  );
  const inspection = inspectRequest("metrics", bytes);
  expect(inspection).toMatchObject({ itemCount: 4, rejectedCount: 4 });
  expect(countItems("metrics", inspection.bytes)).toBe(4);
});

test("a metric with the data of two kinds is rejected: nobody can say which one counts", () => {
  const bytes = field(1, field(2, field(2, field(5, field(1)), field(7, field(1), field(1)))));
  expect(inspectRequest("metrics", bytes)).toMatchObject({
    itemCount: 0,
    rejectedCount: 3,
    rejectedReason: "resourceMetrics[0].scopeMetrics[0].metrics[0]: a metric holds the data of two kinds",
  });
});

test("a value nested without end rejects its span, and is not followed", () => {
  let value = text(1, "x");
  for (let depth = 0; depth < 2_000; depth += 1) {
    const inner = value.length;
    const length = [(inner & 0x7f) | 0x80, ((inner >> 7) & 0x7f) | 0x80, inner >> 14];
    value = Buffer.concat([Buffer.from([depth % 2 === 0 ? 0x0a : 0x2a, ...length]), value]);
  }
  const wrap = (number: number, content: Buffer) => {
    const size = content.length;
    return Buffer.concat([
      Buffer.from([number * 8 + 2, (size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14]),
      content,
    ]);
  };
  const bytes = wrap(1, wrap(2, wrap(2, Buffer.concat([...ids, wrap(9, wrap(2, value))]))));
  expect([...inspectRequest("spans", bytes).rejected]).toEqual([["too_deep", 1]]);
});

test.each<[string, Uint8Array, string]>([
  ["a tag that never ends", Buffer.alloc(11, 0x80), "the body: a number has more than ten bytes (byte 0)"],
  ["a tag cut short", Buffer.from([0x80]), "the body: a number is cut short (byte 0)"],
  ["a length cut short", Buffer.from([0x0a]), "the body: a length is cut short (byte 0)"],
  [
    "a length beyond the end",
    Buffer.from([0x0a, 5, 0]),
    "the body: a field is longer than what holds it (byte 0)",
  ],
  [
    "a length beyond what holds it",
    spanOf(Buffer.from([0x2a, 5])),
    "spans[0]: a field is longer than what holds it",
  ],
  ["a number cut short", spanOf(Buffer.from([0x39, 1, 2])), "spans[0]: a number is cut short"],
  ["field number 0", Buffer.from([0x02, 0]), "the body: a field has the number 0"],
  [
    "an impossible field number",
    Buffer.from([0xfa, 0xff, 0xff, 0xff, 0x7f, 0]),
    "a field has an impossible number",
  ],
  ["a group", spanOf(0x33, 0x34), "spans[0]: a field has wire type 3, which OTLP does not use"],
  ["a wire type that does not exist", spanOf(0x37), "spans[0]: a field has wire type 7"],
  ["text as a number", spanOf(0x28, 1), "spans[0]: name has the wrong wire type 0"],
  ["a number as text", spanOf(text(6, "a")), "spans[0]: kind has the wrong wire type 2"],
  ["a time as a varint", spanOf(0x38, 1), "spans[0]: startTimeUnixNano has the wrong wire type 0"],
  ["a request as a number", Buffer.from([0x08, 1]), "the body: resourceSpans has the wrong wire type 0"],
])("%s breaks the message, and is named with path and byte", (_, bytes, message) => {
  let error: unknown;
  try {
    inspectRequest("spans", bytes);
  } catch (caught) {
    error = caught;
  }
  expect(hasCode(error, "QUARTET_OTLP_INVALID")).toBe(true);
  expect((error as Error).message).toContain(message);
});

test("a packed list that ends inside a number breaks the message", () => {
  const bytes = field(1, field(2, field(2, field(9, field(1, field(6, 1, 2, 3))))));
  expect(() => inspectRequest("metrics", bytes)).toThrow(
    "resourceMetrics[0].scopeMetrics[0].metrics[0].histogram.dataPoints[0]: a packed list ends inside a number",
  );
});

test("numbers of a list may come packed or one by one", () => {
  const one = (value: number) => Buffer.from([0x31, value, 0, 0, 0, 0, 0, 0, 0]);
  const packed = field(6, Buffer.concat([one(3).subarray(1), one(4).subarray(1)]));
  const bytes = field(1, field(2, field(2, field(9, field(1, one(1), one(2), packed)))));
  expect(inspectRequest("metrics", bytes)).toMatchObject({ itemCount: 1, rejectedCount: 0 });
  const decoded = JSON.stringify(decodeRequest("metrics", bytes));
  expect(decoded).toContain('"bucketCounts":["1","2","3","4"]');
});

test("unknown fields are passed over, and kept", () => {
  const unknown = Buffer.from([0x98, 0x06, 0x01, 0x95, 0x06, 1, 2, 3, 4]);
  const bytes = Buffer.concat([unknown, spanOf(unknown, Buffer.from([0xa2, 0x06, 2, 0xff, 0xff]))]);
  const inspection = inspectRequest("spans", bytes);
  expect(inspection).toMatchObject({ itemCount: 1, rejectedCount: 0 });
  expect(inspection.bytes).toBe(bytes);
});
