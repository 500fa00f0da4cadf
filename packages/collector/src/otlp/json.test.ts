import { expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { decodeRequest } from "./decode.ts";
import { encodeRequest } from "./encode.ts";
import { countItems } from "./inspect.ts";
import { log, logsOf, metrics, span, tracesOf, traces } from "./samples.test-kit.ts";
import type { OtlpSignal } from "./schema.ts";
import { transcodeJson } from "./transcode-json.ts";

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

test("every field of every signal survives JSON → protobuf → JSON", () => {
  for (const [signal, request] of [
    ["spans", traces],
    ["logs", logsOf(log)],
    ["metrics", metrics],
  ] as const) {
    expect(decodeRequest(signal, transcodeJson(signal, json(request)))).toEqual(request);
  }
});

test("known bytes: a request as the protobuf encoding has it, fields by their numbers", () => {
  const request = { resourceSpans: [{ scopeSpans: [{ spans: [{ kind: 3, name: "a" }] }] }] };
  // resource_spans(1) { scope_spans(2) { spans(2) { name(5): "a", kind(6): 3 } } }
  expect(Buffer.from(encodeRequest("spans", request)).toString("hex")).toBe("0a09120712052a01613003");
});

/** What one field of a span becomes. */
function spanField(text: string): unknown {
  const bytes = transcodeJson(
    "spans",
    Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[{${text}}]}]}]}`),
  );
  const decoded = decodeRequest("spans", bytes) as {
    resourceSpans: [{ scopeSpans: [{ spans: [Record<string, unknown>] }] }];
  };
  return Object.values(decoded.resourceSpans[0].scopeSpans[0].spans[0])[0];
}

test("64-bit integers come as strings or as numbers, and keep their last digit either way", () => {
  expect(spanField('"startTimeUnixNano":"1544712660300000123"')).toBe("1544712660300000123");
  expect(spanField('"startTimeUnixNano":1544712660300000123')).toBe("1544712660300000123");
  expect(spanField('"startTimeUnixNano": 7')).toBe("7");
  expect(spanField('"startTimeUnixNano":18446744073709551615')).toBe("18446744073709551615");
});

test.each([
  [
    '"startTimeUnixNano":"18446744073709551616"',
    "startTimeUnixNano should lie between 0 and 18446744073709551615",
  ],
  ['"startTimeUnixNano":18446744073709551616', "startTimeUnixNano should lie between"],
  ['"startTimeUnixNano":123456789012345678901', "startTimeUnixNano should lie between"],
  ['"startTimeUnixNano":1e20', "startTimeUnixNano should lie between"],
  ['"startTimeUnixNano":-7', "startTimeUnixNano should lie between"],
  [
    '"attributes":[{"value":{"intValue":"9223372036854775808"}}]',
    "intValue should lie between -9223372036854775808 and",
  ],
  ['"attributes":[{"value":{"intValue":-9223372036854775809}}]', "intValue should lie between"],
])("a span with %s is refused with what fits", (text, message) => {
  expect(() => spanField(text)).toThrow(message);
});

test("integers are exact at every edge of 64 and 53 bits, and may be written with a fraction or an exponent", () => {
  for (const [written, value] of [
    ["9223372036854775807", "9223372036854775807"],
    ["-9223372036854775808", "-9223372036854775808"],
    ['"-9223372036854775807"', "-9223372036854775807"],
    ["-4294967296", "-4294967296"],
    ["-4294967295", "-4294967295"],
    ["-1", "-1"],
    ["-0", "0"],
    ['"-0"', "0"],
    ['"007"', "7"],
    ['"\\u0037"', "7"],
    ["9007199254740993", "9007199254740993"],
    ["4294967295", "4294967295"],
    ["4294967296", "4294967296"],
    ["281474976710656", "281474976710656"],
    ["1.5e3", "1500"],
    ["20.0", "20"],
    ["1E18", "1000000000000000000"],
  ] as const) {
    const text = `"attributes":[{"value":{"intValue":${written}}}]`;
    expect(spanField(text)).toEqual([{ value: { intValue: value } }]);
  }
  expect(spanField('"startTimeUnixNano":-0')).toBe("0");
});

test("ids are hexadecimal digits of either case", () => {
  expect(spanField('"traceId":"5B8EFFF798038103D269B633813fc60c"')).toBe("5b8efff798038103d269b633813fc60c");
});

test("null means absent", () => {
  expect(spanField('"name":null,"kind":2')).toBe(2);
});

test("doubles may be NaN and infinite, written as the JSON mapping of protobuf has them", () => {
  const point = (asDouble: unknown) => ({
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ gauge: { dataPoints: [{ asDouble }] } }] }] }],
  });
  for (const [written, value] of [
    ["NaN", Number.NaN],
    ["Infinity", Infinity],
    ["-Infinity", -Infinity],
    ["1.5e3", 1_500],
    [0.25, 0.25],
  ] as const) {
    expect(decodeRequest("metrics", transcodeJson("metrics", json(point(written))))).toEqual(point(value));
  }
});

test("unknown fields are passed over, snake_case names among them", () => {
  expect(transcodeJson("spans", Buffer.from('{"futureField":1,"resource_spans":[{}]}'))).toHaveLength(0);
  expect(spanField('"end_time_unix_nano":"7","__proto__":{"kind":1},"name":"a"')).toBe("a");
});

test.each<[OtlpSignal, string, string]>([
  ["spans", '{"resourceSpans":{}}', "resourceSpans should be a list"],
  ["spans", '{"resourceSpans":[5]}', "resourceSpans[0] should be an object"],
  ["spans", "{", "the body is no JSON"],
  ["spans", "", "the body is no JSON"],
  ["spans", "[]", "the body should be an object"],
  ["spans", "null", "the body should be an object"],
])("%s %s is refused with its path", (signal, text, message) => {
  expect(() => transcodeJson(signal, Buffer.from(text))).toThrow(message);
});

const at = "resourceSpans[0].scopeSpans[0].spans[0]";
test.each([
  ['"kind":"SPAN_KIND_SERVER"', `${at}.kind should be the number of the enum's value`],
  ['"kind":"2"', `${at}.kind should be the number of the enum's value`],
  ['"kind":1.5', `${at}.kind should be an integer`],
  ['"kind":99999999999', `${at}.kind should lie between`],
  ['"startTimeUnixNano":"-1"', `${at}.startTimeUnixNano should lie between`],
  ['"startTimeUnixNano":"soon"', `${at}.startTimeUnixNano should be an integer`],
  ['"startTimeUnixNano":1.5', `${at}.startTimeUnixNano should be an integer`],
  ['"startTimeUnixNano":true', `${at}.startTimeUnixNano should be an integer`],
  ['"traceId":"5b8"', `${at}.traceId should be pairs of hexadecimal digits`],
  ['"traceId":"W47/95gDgQPSabYzgT/GDA=="', `${at}.traceId should be pairs of hexadecimal digits`],
  ['"name":5', `${at}.name should be a string`],
  ['"name":1544712660300000123', `${at}.name should be a string`],
  ['"name":"a","kind":1,"name":"b"', `${at}.name is there twice`],
  ['"events":[{"attributes":[null]}]', `${at}.events[0].attributes[0] should be an object`],
  ['"events":[{},{"timeUnixNano":[]}]', `${at}.events[1].timeUnixNano should be an integer`],
  ['"name":"\\ud800"', `${at}.name should be a string of whole characters`],
  ['"status":"ok"', `${at}.status should be an object`],
  [
    '"attributes":[{"key":"a","value":{"boolValue":"yes"}}]',
    `${at}.attributes[0].value.boolValue should be true or false`,
  ],
  [
    '"attributes":[{"key":"a"},{"value":{"bytesValue":"*"}}]',
    `${at}.attributes[1].value.bytesValue should be base64`,
  ],
  [
    '"attributes":[{"value":{"doubleValue":"x"}}]',
    `${at}.attributes[0].value.doubleValue should be a number`,
  ],
  [
    '"attributes":[{"value":{"stringValue":"a","intValue":1}}]',
    `${at}.attributes[0].value holds both stringValue and intValue, of which only one may be there`,
  ],
])("a span with %s is refused with its path", (text, message) => {
  let error: unknown;
  try {
    spanField(text);
  } catch (caught) {
    error = caught;
  }
  expect(hasCode(error, "QUARTET_OTLP_INVALID")).toBe(true);
  expect((error as Error).message).toContain(message);
});

test("names and texts may have escapes, and white space may stand everywhere", () => {
  expect(spanField('\n"na\\u006de" :\t"\\u00e4\\n\\ud83d\\ude00\\/" ')).toBe("ä\n😀/");
  expect(spanField('"traceId":"\\u0061bcd"')).toBe("abcd");
  expect(spanField('"name":"ä😀 \u007f"')).toBe("ä😀 \u007f");
  expect(transcodeJson("spans", Buffer.from('\ufeff \r\n{ "resourceSpans" : [ ] }\n'))).toHaveLength(0);
});

test.each([
  ['{"a":1,}', "a name in quotes should stand at byte 7 of 8"],
  ['{"a":[1,]}', "a value should stand at byte 8 of 10"],
  ['{"a" 1}', '":" should stand at byte 5 of 7'],
  ['{"a":1 "b":2}', '"," or "}" should stand at byte 7 of 13'],
  ['{"a":[1}', '"," or "]" should stand at byte 7 of 8'],
  ["{'a':1}", "a name in quotes should stand"],
  ["{} {}", "there is more behind the body's end at byte 3"],
  ["{}x", "there is more behind"],
  ['{"a":01}', "a zero that leads"],
  ['{"a":-}', "a digit should stand"],
  ['{"a":1.}', "a digit should stand"],
  ['{"a":1e}', "a digit should stand"],
  ['{"a":+1}', "a value should stand"],
  ['{"a":.5}', "a value should stand"],
  ['{"a":NaN}', "a value should stand"],
  ['{"a":nulL}', "a value should stand"],
  ['{"a":truee}', '"," or "}" should stand'],
  ['{"a":"\\x"}', "an escape that JSON does not know"],
  ['{"a":"\\u12g4"}', "an escape that JSON does not know"],
  ['{"\\q":1}', "an escape that JSON does not know"],
  ['{"a":"never ends', "a string does not end at byte 16 of 16"],
  ['{"a":"ends in a backslash\\', "a string does not end"],
  ['{"a":"a\ttab"}', "a control character without an escape"],
  ['{"a":\u00a01}', "a value should stand"],
  ['{"a":1', '"," or "}" should stand at byte 6 of 6'],
  ['{"a":', "a value should stand"],
])("%s is no JSON, and the place is told", (text, message) => {
  expect(() => transcodeJson("spans", Buffer.from(text))).toThrow(`the body is no JSON: `);
  expect(() => transcodeJson("spans", Buffer.from(text))).toThrow(message);
});

test("bytes that are no UTF-8 are no JSON", () => {
  expect(() => transcodeJson("spans", Buffer.from([0x22, 0xc3, 0x28, 0x22]))).toThrow("the body is no JSON");
});

test("values nested without end are refused, not followed", () => {
  const deep = (depth: number) => `${'{"arrayValue":{"values":['.repeat(depth)}{}${"]}}".repeat(depth)}`;
  const body = (value: string) =>
    Buffer.from(`{"resourceSpans":[{"resource":{"attributes":[{"value":${value}}]}}]}`);
  expect(() => transcodeJson("spans", body(deep(200)))).toThrow("nested too deeply");
  expect(() => transcodeJson("spans", body(deep(100_000)))).toThrow("deeply");
  for (const bracket of ["[", '{"a":']) {
    const unknown = Buffer.from(`{"futureField":${bracket.repeat(200_000)}`);
    expect(() => transcodeJson("spans", unknown)).toThrow("nested too deeply");
  }
  expect(transcodeJson("spans", body(deep(40))).length).toBeGreaterThan(80);
});

test("long texts of ids and bytes are told apart without running out of stack", () => {
  const long = "A".repeat(4_000_000);
  expect(() => spanField(`"traceId":"${long}x"`)).toThrow("hexadecimal");
  expect(() => spanField(`"attributes":[{"value":{"bytesValue":"${long}*"}}]`)).toThrow("base64");
});

test("a request of 2,000 spans is encoded as one", () => {
  const spans = Array.from({ length: 2_000 }, () => span);
  const bytes = encodeRequest("spans", tracesOf(...spans));
  expect(countItems("spans", bytes)).toBe(2_000);
  expect(decodeRequest("spans", bytes)).toEqual(tracesOf(...spans));
});
