import { expect, test } from "vitest";
import { formatTraceparent, parseTraceparent } from "./traceparent.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const right = `00-${traceId}-${spanId}-01`;

test("version 00 is read, and written the same", () => {
  const parsed = parseTraceparent(right);
  expect(parsed).toEqual({ traceId, spanId, traceFlags: 1, isRemote: true });
  expect(formatTraceparent(parsed!)).toBe(right);
  expect(formatTraceparent({ traceId, spanId, traceFlags: 0 })).toBe(`00-${traceId}-${spanId}-00`);
});

test("a later version may have more behind its flags; only the sampled flag is kept", () => {
  const check = (text: string, traceFlags: number | undefined) =>
    expect(parseTraceparent(text)?.traceFlags).toBe(traceFlags);
  check(`01-${traceId}-${spanId}-03`, 1);
  check(`cc-${traceId}-${spanId}-00-what-the-future-will-be-like`, 0);
  check(`cc-${traceId}-${spanId}-01.what`, undefined);
  check(`00-${traceId}-${spanId}-fe`, 0);
});

test("anything wrong makes it no traceparent at all", () => {
  for (const text of [
    "",
    "00",
    right.slice(0, -1),
    `${right}-extra`,
    `${right} `,
    `ff-${traceId}-${spanId}-01`,
    `0x-${traceId}-${spanId}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId.replace("b", "g")}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId}-${spanId}-0x`,
    `00_${traceId}-${spanId}-01`,
    `00-${traceId}_${spanId}-01`,
    `00-${traceId}-${spanId}_01`,
    // Two headers, as Node joins them.
    `${right}, ${right}`,
  ])
    expect({ text, parsed: parseTraceparent(text) }).toEqual({ text, parsed: undefined });
});
