import { expect, test } from "vitest";
import { compileWholeExpression } from "./expression.ts";
import { compileWildcards } from "./wildcard-expression.ts";

const expressions = [
  "x12.*",
  ".*9[a-z0-9]7.*",
  "a.+",
  ".+a",
  "a.*a",
  "a.+a",
  "a.*b.*a",
  ".*ab.+b.*",
  "[ab].*b",
  "a\\..+",
  ".*[ab]a.+b.*b",
  "ab.+ba",
  ".*",
  ".+",
];

function* texts(length: number): Generator<string> {
  yield "";
  if (length === 0) return;
  for (const rest of texts(length - 1))
    for (const letter of ["a", "b", ".", "\n", "\u{1f600}"]) yield letter + rest;
}

test.each(expressions)("a wildcard expression answers as RE2 does: %s", (expression) => {
  const quick = compileWildcards(expression);
  const whole = compileWholeExpression(expression);
  expect(quick).toBeDefined();
  for (const text of [...texts(4), "x12", "x123", "y12", "947", "x9a7y", "abba", "ababab"]) {
    expect([text, quick!(text)]).toEqual([text, whole.matches(text)]);
  }
});

test.each([
  "a|b.*",
  "(?i)a.*",
  "a.*.+",
  ".*a{2}",
  "a*.*",
  "[^a].*",
  "é.*",
  "a.b.*",
  "[a-].*",
  "\\d.*",
  "^a.*",
])("what is more than wildcards is left to RE2: %s", (expression) => {
  expect(compileWildcards(expression)).toBeUndefined();
});
