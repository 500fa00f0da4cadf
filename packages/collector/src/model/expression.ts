import type { RE2JS } from "re2js";
import { CollectorError } from "./errors.ts";
import { lazyRequire } from "./lazy-require.ts";

/** RE2's syntax and its linear time, in JavaScript. It is as large as all of PromQL, and asked for by few configurations. */
export const re2 = lazyRequire("re2js") as () => typeof import("re2js");

/** An RE2 expression that may match anywhere in a text, in linear time. @throws CollectorError QUARTET_REGEX_INVALID */
export function compileExpression(expression: string): RE2JS {
  try {
    return re2().RE2JS.compile(expression);
  } catch (cause) {
    const message = `invalid regular expression ${JSON.stringify(expression)}`;
    throw new CollectorError("QUARTET_REGEX_INVALID", message, { cause });
  }
}

/** One that must match the whole text, as in Prometheus. @throws CollectorError QUARTET_REGEX_INVALID */
export function compileWholeExpression(expression: string): RE2JS {
  // Alone first: "a)|(b" is no expression, though it would be one between our brackets.
  compileExpression(expression);
  // Prometheus compiles with (?s): a dot matches a newline too.
  return compileExpression(`^(?s:${expression})$`);
}
