import { expect, test } from "vitest";
import { parseExpression } from "./parse.ts";
import { containsFunction, containsOperator, readsOnlyPresence, vectorSelectors } from "./visit.ts";

test("every selector is found with the ranges and offsets around it added up", () => {
  const expression = parseExpression(
    'rate(a{x="1"}[5m] offset 1m) / max_over_time(sum(b)[1h:1m] offset 2m) + c @ 7',
  );
  expect(vectorSelectors(expression)).toEqual([
    {
      matchers: [
        { name: "x", operator: "=", value: "1" },
        { name: "__name__", operator: "=", value: "a" },
      ],
      rangeMs: 300_000,
      offsetMs: 60_000,
      hasAt: false,
    },
    {
      matchers: [{ name: "__name__", operator: "=", value: "b" }],
      rangeMs: 3_600_000,
      offsetMs: 120_000,
      hasAt: false,
    },
    { matchers: [{ name: "__name__", operator: "=", value: "c" }], rangeMs: 0, offsetMs: 0, hasAt: true },
  ]);
});

test("functions, aggregations and operators are found at any depth", () => {
  const expression = parseExpression("sum(rate(a[5m])) > 1 and absent(b unless c)");
  expect(containsFunction(expression, ["absent", "absent_over_time"])).toBe(true);
  expect(containsFunction(expression, ["sum"])).toBe(true);
  expect(containsFunction(expression, ["irate"])).toBe(false);
  expect(containsOperator(expression, ["unless"])).toBe(true);
  expect(containsOperator(expression, ["or"])).toBe(false);
});

test.each([
  ["sum(rate(a[5m])) > 1", true],
  ["absent(a)", false],
  ["a unless b", false],
  ["a - a offset 5m", false],
  ["a @ end()", false],
  ["a offset 0s", true],
])("whether %s looks only at samples that are there now: %s", (text, expected) => {
  expect(readsOnlyPresence(parseExpression(text))).toBe(expected);
});
