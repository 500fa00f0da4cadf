import { expect, test } from "vitest";
import { severityNumberOf } from "./severity.ts";

test("pino's levels have the first number of their kind; others stand between, in order", () => {
  const check = (level: number, severityNumber: number) =>
    expect(severityNumberOf(level)).toBe(severityNumber);
  check(10, 1);
  check(20, 5);
  check(30, 9);
  check(40, 13);
  check(50, 17);
  check(60, 21);
  check(32, 9);
  check(35, 11);
  check(39, 12);
  check(69, 24);
  check(1_000, 24);
  check(5, 1);
  check(-1, 1);
  check(Number.NaN, 1);
  check(Infinity, 24);
  const all = Array.from({ length: 100 }, (_, level) => severityNumberOf(level));
  expect(all).toEqual(all.toSorted((a, b) => a - b));
});
