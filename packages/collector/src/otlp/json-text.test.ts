import { expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { quoteLongIntegers } from "./json-text.ts";

const quoted = (text: string) => Buffer.from(quoteLongIntegers(Buffer.from(text))).toString();

test.each([
  ['{"a":1700000000000000001}', '{"a":"1700000000000000001"}'],
  ["[-1234567890123456789 , 1234567890123456]", '["-1234567890123456789" , "1234567890123456"]'],
  ['{"a": 18446744073709551615\n}', '{"a": "18446744073709551615"\n}'],
  ["1700000000000000001", '"1700000000000000001"'],
])("integers of sixteen digits and more are put in quotes: %s", (text, exact) => {
  expect(quoted(text)).toBe(exact);
});

test.each([
  '{"a":170000000000000}',
  '{"a":"1700000000000000001, 1700000000000000001"}',
  '{"a":"\\"1700000000000000001","b":1}',
  '{"a":1.7000000000000000001,"b":1e1234567890123456,"c":1700000000000000001.5}',
  '{"a":00000000000000000001}',
  "{1700000000000000001 :1}",
  '{"a":"never ends 1700000000000000001',
  '{"a":"ends in a backslash\\',
])("everything else stays as it is, broken or not: %s", (text) => {
  const json = Buffer.from(text);
  expect(quoteLongIntegers(json)).toBe(json);
});

function codeOf(text: string): boolean[] {
  try {
    quoted(text);
  } catch (error) {
    return [hasCode(error, "QUARTET_OTLP_TOO_LARGE"), hasCode(error, "QUARTET_OTLP_INVALID")];
  }
  return [];
}

test("what would cost far more memory than it has bytes is refused before it does", () => {
  expect(codeOf(`[${"{},".repeat(2_100_000)}{}]`)).toEqual([true, false]);
  expect(codeOf("[".repeat(1_000_000))).toEqual([false, true]);
  expect(codeOf(`[${"{},".repeat(100_000)}{}]`)).toEqual([]);
});
