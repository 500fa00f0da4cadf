import { expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { formatExpression } from "./format-expression.ts";
import { parseExpression } from "./parse.ts";

const everything = { experimentalFunctions: true, fillModifiers: true, extendedRangeSelectors: true };

function errorOf(text: string, options = everything): string {
  try {
    parseExpression(text, options);
  } catch (error) {
    if (hasCode(error, "QUARTET_PROMQL_INVALID")) return error.message;
    throw error;
  }
  return "accepted";
}

test.each([
  ["", "1:1: parse error: no expression found in input"],
  ["1 +", "1:4: parse error: unexpected end of input"],
  ["sum(", "1:5: parse error: unclosed left parenthesis"],
  ["x)", "1:3: parse error: unexpected right parenthesis ')'"],
  ["x[5m", "1:5: parse error: unclosed left bracket"],
  ['x{a="b}', "1:5: parse error: unterminated quoted string"],
  ["x{a=}", '1:5: parse error: unexpected "}" in label matching, expected string'],
  ["x{a}", '1:4: parse error: unexpected "}" in label matching, expected label matching operator'],
  ["foo bar", '1:5: parse error: unexpected identifier "bar"'],
  ["sum(x y)", '1:7: parse error: unexpected identifier "y" in aggregation'],
  ["sum by x", '1:8: parse error: unexpected identifier "x" in grouping opts, expected "("'],
  ["rate(x[5m],)", "1:11: parse error: trailing commas not allowed in function call args"],
  ["a\n+\n b{", "3:4: parse error: unexpected end of input inside braces"],
  ['x{a="ü"} ~', "1:11: parse error: unexpected character: '~'"],
  ["x[a]", "1:3: parse error: unexpected character in duration expression: 'a'"],
  ["x[0s]", "1:3: parse error: duration must be greater than 0"],
  ["1m1h", '1:1: parse error: not a valid duration string: "1m1h"'],
  ["x offset 5m offset 6m", "1:1: parse error: offset may not be set multiple times"],
  ["x @ NaN", "1:1: parse error: timestamp out of bounds for @ modifier: NaN"],
  ["(x)[5m]", "1:4: parse error: ranges only allowed for vector selectors"],
])("the syntax of %j is refused where Prometheus refuses it", (text, message) => {
  expect(errorOf(text)).toBe(message);
});

test.each([
  ["rate(x)", '1:6: parse error: expected type range vector in call to function "rate", got instant vector'],
  [
    "sum(x, y)",
    "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
  ],
  ["sum()", "1:1: parse error: no arguments for aggregate expression provided"],
  ["clamp(x, 1)", '1:1: parse error: expected 3 argument(s) in call to "clamp", got 2'],
  ["round(x, 1, 2)", '1:1: parse error: expected at most 2 argument(s) in call to "round", got 3'],
  ["1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"],
  ["a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"],
  ["x and 1", '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
  ["x and on (a) group_left y", '1:1: parse error: no grouping allowed for "and" operation'],
  ["x[5m] + 1", "1:1: parse error: binary expression must contain only scalar and instant vector types"],
  ["1[5m:1m]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"],
  [
    '-"a"',
    '1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string"',
  ],
  [
    "x * on (a) group_left (a) y",
    '1:3: parse error: label "a" must not occur in ON and GROUP clause at once',
  ],
  ["{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"],
  ['x{__name__="y"}', '1:1: parse error: metric name must not be set twice: "x" or "y"'],
  ["f(x)", '1:1: parse error: unknown function with name "f"'],
  ['x{a=~"("}', "1:3: parse error: error parsing regexp: missing closing ): `(`"],
])("the types of %j are refused in Prometheus' words", (text, message) => {
  expect(errorOf(text)).toBe(message);
});

test.each([
  [
    "limitk(1, x)",
    "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
  ],
  ['sort_by_label(x, "a")', '1:1: parse error: function "sort_by_label" is not enabled'],
  ["a + fill (0) b", "1:1: parse error: binop fill modifiers are experimental and not enabled"],
  ["x[5m] anchored", "1:1: parse error: anchored modifier is experimental and not enabled"],
])("%j needs to be switched on", (text, message) => {
  expect(errorOf(text, {} as typeof everything)).toBe(message);
  expect(errorOf(text)).toBe("accepted");
});

test.each([
  ["-1 ^ 2", "-1 ^ 2"],
  ["1h30m", "1h30m"],
  ["0x1F+1_000", "31 + 1000"],
  ["sum(rate(x[5m]))by(a)", "sum by (a) (rate(x[5m]))"],
  ["-foo offset 5m", "-foo offset 5m"],
  ["foo[1h:] @ end() offset -1d", "foo[1h:] @ end() offset -1d"],
  ['{"a.b", "c d"!~"e"}', '{"c d"!~"e",__name__="a.b"}'],
  ["a*on(x)group_left(y)b", "a * on (x) group_left (y) b"],
  ["a>bool 1", "a > bool 1"],
  ["x[5m+step()]", "x[5m + step()]"],
  ["x @ 1.5", "x @ 1.500"],
  ['label_replace(x, "a", "$1", \'b\', `\\d`)', 'label_replace(x, "a", "$1", "b", "\\\\d")'],
])("%s is printed as %s, which parses to the same", (text, printed) => {
  const expression = parseExpression(text, everything);
  expect(formatExpression(expression)).toBe(printed);
  expect(formatExpression(parseExpression(printed, everything))).toBe(printed);
});

test("an expression nested too deeply is refused instead of exhausting the stack", () => {
  expect(errorOf("(".repeat(5000) + "1" + ")".repeat(5000))).toContain("nested deeper than 200");
  expect(errorOf("-".repeat(5000) + "x")).toContain("nested deeper than 200");
});

test("no text whatever makes the parser fail other than by its own error", () => {
  const pieces = [
    "sum",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "5m",
    "x",
    '"a"',
    "=",
    "=~",
    "by",
    "on",
    "@",
    "offset",
    ":",
    ",",
    "#",
    "-",
    "1e",
    "\\",
    "`",
    " ",
    "\n",
    "é",
    "👍",
  ];
  let seed = 7;
  const next = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648);
  for (let round = 0; round < 5000; round += 1) {
    const text = Array.from({ length: 1 + (next() % 12) }, () => pieces[next() % pieces.length]!).join("");
    expect(`${errorOf(text)} ${text}`).toMatch(/^(?:accepted|\d+:\d+: parse error: )/);
  }
});
