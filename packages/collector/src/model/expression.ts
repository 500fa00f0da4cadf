import { RE2JS } from "re2js";
import { CollectorError } from "./errors.ts";

/** An RE2 expression that may match anywhere in a text, in linear time. @throws CollectorError QUARTET_REGEX_INVALID */
export function compileExpression(expression: string): RE2JS {
  try {
    return RE2JS.compile(expression);
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
