import { expect, test } from "vitest";
import { formatGeneral, formatOpenMetrics, formatPlain, formatSampleValue } from "./format-value.ts";
import { formatDurationMs, parseDurationMs, parseNumber } from "./literal.ts";

test.each([
  [0, "0"],
  [-0, "-0"],
  [1.5, "1.5"],
  [123456789, "123456789"],
  [1e20, "100000000000000000000"],
  [1e21, "1e+21"],
  [1e-6, "0.000001"],
  [1.5e-7, "1.5e-07"],
  [-2.5e-100, "-2.5e-100"],
  [Infinity, "+Inf"],
  [-Infinity, "-Inf"],
  [Number.NaN, "NaN"],
])("the sample %d reads %s, as in Prometheus' API", (value, text) => {
  expect(formatSampleValue(value)).toBe(text);
});

test("a value as a label has no exponent, a bound in a label always a dot or one", () => {
  expect(formatPlain(1e21)).toBe("1000000000000000000000");
  expect(formatPlain(1.25e-7)).toBe("0.000000125");
  expect(formatGeneral(0.00001)).toBe("1e-05");
  expect(formatOpenMetrics(1)).toBe("1.0");
  expect(formatOpenMetrics(0.5)).toBe("0.5");
  expect(formatOpenMetrics(1e30)).toBe("1e+30");
});

test.each([
  ["1h30m", 5_400_000],
  ["1y1w1d", 32_227_200_000],
  ["0", 0],
  ["5ms", 5],
])("%s is %d ms", (text, durationMs) => {
  expect(parseDurationMs(text)).toBe(durationMs);
});

test.each([
  ["", "empty duration string"],
  ["5", 'not a valid duration string: "5"'],
  ["1m1h", 'not a valid duration string: "1m1h"'],
  ["300y", "duration out of range"],
])("%j is no duration", (text, message) => {
  expect(parseDurationMs(text)).toEqual({ message });
});

test.each([
  [0, "0s"],
  [90_000, "1m30s"],
  [86_400_000 * 7, "1w"],
  [86_400_000 * 8, "8d"],
  [-1500, "-1s500ms"],
])("%d ms is printed as %s", (durationMs, text) => {
  expect(formatDurationMs(durationMs)).toBe(text);
});

test.each([
  ["0x1F", 31],
  ["010", 8],
  ["08", 8],
  ["1_000.5e3", 1_000_500],
  ["+Inf", Infinity],
  ["-inf", -Infinity],
  ["nAn", Number.NaN],
  ["1e", undefined],
])("the number %s is %d", (text, value) => {
  expect(parseNumber(text)).toBe(value);
});
