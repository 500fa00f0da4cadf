import { expect, test } from "vitest";
import { decodeRequest, inspectRequest, scanSpans } from "../../../packages/collector/src/otlp/index.ts";
import { isReadDifferently } from "./laxity.ts";
import { oracleDecode, requestTypes } from "./schema.ts";

// Everything in which our reading of OTLP differs from protobufjs, one test each. `scan.test.ts` proves that there is nothing else.

const type = requestTypes.spans;

type Part = Uint8Array | number;

function field(number: number, ...content: readonly Part[]): Buffer {
  const inner = Buffer.concat(content.map((part) => (typeof part === "number" ? Buffer.from([part]) : part)));
  return Buffer.from([number * 8 + 2, inner.length, ...inner]);
}
const text = (number: number, value: string) => field(number, Buffer.from(value));
const ids = [field(1, Buffer.alloc(16, 7)), field(2, Buffer.alloc(8, 7))];
const spanOf = (...fields: readonly Part[]) => field(1, field(2, field(2, ...ids, ...fields)));

function onlySpan(decoded: unknown): Record<string, unknown> {
  return (decoded as { resourceSpans: [{ scopeSpans: [{ spans: [Record<string, unknown>] }] }] })
    .resourceSpans[0].scopeSpans[0].spans[0];
}

test.each<[string, Uint8Array, string]>([
  ["a known field of another wire type", spanOf(0x28, 5), "name has the wrong wire type 0"],
  ["a group", spanOf(0x33, 0x34), "wire type 3, which OTLP does not use"],
  ["the end of a group that never began", spanOf(0x2c, 1), "wire type 4, which OTLP does not use"],
  ["a wire type that does not exist", spanOf(0x2e, 1, 0x61), "wire type 6, which OTLP does not use"],
  ["field number 0", spanOf(0x00, 0x01), "a field has the number 0"],
  [
    "a tag of more than 32 bits",
    spanOf(0xa8, 0x80, 0x80, 0x80, 0x70, 0x01),
    "a field has an impossible number",
  ],
  ["a number of eleven bytes", spanOf(0x30, ...Buffer.alloc(10, 0x80), 0x50, 1), "more than ten bytes"],
  [
    "a length of more than 32 bits",
    spanOf(0x2a, 0x81, 0x80, 0x80, 0x80, 0x10, 0x61),
    "longer than what holds it",
  ],
])("%s: protobufjs reads on, we refuse", (_, bytes, message) => {
  expect(() => oracleDecode(type, bytes)).not.toThrow();
  expect(() => inspectRequest("spans", bytes)).toThrow(message);
});

test("text that is no UTF-8: protobufjs puts replacement characters, we cut the span out", () => {
  const bytes = spanOf(field(5, 0xc3, 0x28));
  expect(onlySpan(oracleDecode(type, bytes))["name"]).toContain("\ufffd");
  expect(inspectRequest("spans", bytes)).toMatchObject({ itemCount: 0, rejectedCount: 1 });
});

test("a message field that comes twice: protobufjs keeps the last, we merge, as the specification has it", () => {
  const bytes = spanOf(field(15, text(2, "why")), field(15, 0x18, 2));
  expect(isReadDifferently(type, bytes)).toBe(true);
  expect(onlySpan(oracleDecode(type, bytes))["status"]).toEqual({ code: 2 });
  expect(onlySpan(decodeRequest("spans", bytes))["status"]).toEqual({ message: "why", code: 2 });
  const reversed = spanOf(field(15, 0x18, 2), field(15, text(2, "why")));
  let statusCode = 0;
  scanSpans(reversed, (scan) => ({ statusCode } = scan));
  expect(statusCode).toBe(2);
});

test("two fields of a oneof: protobufjs keeps both, we the last, as the specification has it", () => {
  const bytes = spanOf(field(9, field(2, text(1, "a"), 0x18, 7)));
  expect(isReadDifferently(type, bytes)).toBe(true);
  const valueOf = (decoded: unknown) => (onlySpan(decoded)["attributes"] as [{ value: unknown }])[0].value;
  expect(valueOf(oracleDecode(type, bytes))).toEqual({ stringValue: "a", intValue: "7" });
  expect(valueOf(decodeRequest("spans", bytes))).toEqual({ intValue: "7" });
});

test("numbers of six to nine bytes in 32-bit fields: protobufjs takes ten bytes, we those that there are", () => {
  const bytes = spanOf(0x30, 0x83, 0x80, 0x80, 0x80, 0x80, 0x00, text(5, "name"));
  expect(isReadDifferently(type, bytes)).toBe(true);
  expect(onlySpan(decodeRequest("spans", bytes))).toMatchObject({ kind: 3, name: "name" });
  let theirs: unknown = "refused";
  try {
    theirs = onlySpan(oracleDecode(type, bytes))["name"];
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
  }
  expect(theirs).not.toBe("name");
});

test("what is written the ordinary way is no difference", () => {
  expect(isReadDifferently(type, spanOf(text(5, "name"), field(15, 0x18, 2)))).toBe(false);
});
