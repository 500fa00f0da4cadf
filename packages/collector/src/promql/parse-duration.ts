import type { DurationNode } from "./ast.ts";
import { readNumber, type TokenCursor } from "./token-cursor.ts";

type DurationOperator = "+" | "-" | "*" | "/" | "%" | "^";
const precedence: Readonly<Record<DurationOperator, number>> = {
  "+": 1,
  "-": 1,
  "*": 2,
  "/": 2,
  "%": 2,
  "^": 3,
};

const isOperator = (kind: string): kind is DurationOperator => Object.hasOwn(precedence, kind);

// Prometheus keeps durations as int64 nanoseconds.
const secondsMax = 2 ** 63 / 1e9;

/** Milliseconds of a literal: rounded to nanoseconds first, then cut, as Prometheus does. */
export function literalMs(seconds: number): number {
  return Math.trunc(Math.round(seconds * 1e9) / 1e6);
}

function checkLiteral(cursor: TokenCursor, node: DurationNode): DurationNode {
  if (node.kind === "number" && !(Math.abs(node.value) <= secondsMax)) {
    return cursor.fail(node.span.start, "duration out of range");
  }
  return node;
}

function negate(cursor: TokenCursor, start: number, sign: "+" | "-", operand: DurationNode): DurationNode {
  const span = { start, end: operand.span.end };
  if (operand.kind === "number") {
    return checkLiteral(cursor, { ...operand, value: sign === "-" ? -operand.value : operand.value, span });
  }
  if (sign === "+") return operand;
  return {
    kind: "duration operation",
    operator: "-",
    left: undefined,
    right: operand,
    isWrapped: false,
    span,
  };
}

function parsePrimary(cursor: TokenCursor, expected: string, context: string): DurationNode {
  const token = cursor.peek();
  const { kind, start } = token;
  if (kind === "number" || kind === "duration")
    return checkLiteral(cursor, readNumber(cursor, cursor.take()));
  if (kind === "step" || kind === "range") {
    cursor.take();
    cursor.expect("(", "", "");
    cursor.expect(")", "", "");
    return { kind: "duration call", name: kind, span: { start, end: cursor.end() } };
  }
  if (kind === "min_of" || kind === "max_of") {
    cursor.take();
    cursor.expect("(", "", "");
    const left = parseDuration(cursor, 1, context, expected);
    cursor.expect(",", "", "");
    const right = parseDuration(cursor, 1, context, expected);
    cursor.expect(")", "", "");
    const span = { start, end: cursor.end() };
    return { kind: "duration operation", operator: kind, left, right, isWrapped: false, span };
  }
  if (kind !== "(") return cursor.unexpected(context, expected);
  cursor.take();
  const inner = parseDuration(cursor, 1, context, expected);
  cursor.expect(")", "", "");
  return inner.kind === "duration operation" ? { ...inner, isWrapped: true } : inner;
}

/** A computed duration inside brackets: arithmetic on numbers, durations, `step()` and `range()`. */
function parseDuration(cursor: TokenCursor, level: number, context: string, expected: string): DurationNode {
  let left: DurationNode;
  const first = cursor.peek();
  if (first.kind === "+" || first.kind === "-") {
    cursor.take();
    left = negate(cursor, first.start, first.kind, parseDuration(cursor, 3, context, expected));
  } else left = parsePrimary(cursor, expected, context);
  for (;;) {
    const operator = cursor.peek();
    if (!isOperator(operator.kind) || precedence[operator.kind] < level) return left;
    cursor.take();
    const binds = precedence[operator.kind];
    const right = parseDuration(cursor, operator.kind === "^" ? binds : binds + 1, context, expected);
    if (right.kind === "number" && right.value === 0 && (operator.kind === "/" || operator.kind === "%")) {
      return cursor.fail(operator.start, operator.kind === "/" ? "division by zero" : "modulo by zero");
    }
    const span = { start: left.span.start, end: right.span.end };
    left = { kind: "duration operation", operator: operator.kind, left, right, isWrapped: false, span };
  }
}

/** A range or a step: a duration above zero. */
export function parsePositiveDuration(cursor: TokenCursor, context: string, expected: string): DurationNode {
  const node = parseDuration(cursor, 1, context, expected);
  if (node.kind === "number" && node.value <= 0) {
    return cursor.fail(node.span.start, "duration must be greater than 0");
  }
  return node;
}

/** What follows `offset`: one literal or call with an optional sign, or a computed duration in parentheses. */
export function parseOffset(cursor: TokenCursor): DurationNode {
  const expected = "number, duration, step(), or range()";
  const first = cursor.peek();
  if (first.kind !== "+" && first.kind !== "-") return parsePrimary(cursor, expected, "offset");
  cursor.take();
  return negate(cursor, first.start, first.kind, parsePrimary(cursor, expected, "offset"));
}
