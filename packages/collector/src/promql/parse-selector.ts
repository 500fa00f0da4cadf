import { metricNameLabel, re2, type Matcher, type MatchOperator } from "../model/index.ts";
import type { AtModifier, Node, VectorSelector } from "./ast.ts";
import { literalMs, parseOffset, parsePositiveDuration } from "./parse-duration.ts";
import { readNumber, readString, type TokenCursor } from "./token-cursor.ts";

function parseMatcher(cursor: TokenCursor): Matcher {
  const name = cursor.peek();
  if (name.kind !== "identifier" && name.kind !== "string") {
    return cursor.unexpected("label matching", 'identifier or "}"');
  }
  cursor.take();
  const label = name.kind === "string" ? readString(cursor, name) : name.text;
  const operator = cursor.peek().kind;
  if (operator !== "=" && operator !== "!=" && operator !== "=~" && operator !== "!~") {
    if (name.kind === "string") return { name: metricNameLabel, operator: "=", value: label };
    return cursor.unexpected("label matching", "label matching operator");
  }
  cursor.take();
  const value = readString(cursor, cursor.expect("string", "label matching", "string"));
  return checkMatcher(cursor, name.start, { name: label, operator: operator satisfies MatchOperator, value });
}

function checkMatcher(cursor: TokenCursor, start: number, matcher: Matcher): Matcher {
  if (matcher.operator === "=" || matcher.operator === "!=") return matcher;
  try {
    // By itself, as "a)|(b" is an expression only inside the parentheses that anchor it.
    re2().RE2JS.compile(matcher.value);
  } catch (error) {
    return cursor.fail(start, error instanceof Error ? error.message : String(error));
  }
  return matcher;
}

function parseMatchers(cursor: TokenCursor): Matcher[] {
  const matchers: Matcher[] = [];
  cursor.expect("{", "", "");
  while (cursor.takeIf("}") === undefined) {
    matchers.push(parseMatcher(cursor));
    if (cursor.peek().kind !== "}") cursor.expect(",", "label matching", '"," or "}"');
  }
  return matchers;
}

/** A metric's name, matchers in braces, or both. */
export function parseVectorSelector(cursor: TokenCursor): VectorSelector {
  const start = cursor.peek().start;
  const name = cursor.peek().kind === "{" ? "" : cursor.take().text;
  const matchers = cursor.peek().kind === "{" ? parseMatchers(cursor) : [];
  if (name !== "") matchers.push({ name: metricNameLabel, operator: "=", value: name });
  return {
    kind: "vector selector",
    name,
    matchers,
    offset: undefined,
    at: undefined,
    extension: undefined,
    span: { start, end: cursor.end() },
  };
}

const isZero = (selector: VectorSelector): boolean =>
  selector.offset === undefined ||
  (selector.offset.kind === "number" && literalMs(selector.offset.value) === 0);

/** `[range]` or `[range:step]` after `inner`. */
export function parseBrackets(cursor: TokenCursor, inner: Node): Node {
  const open = cursor.expect("[", "", "");
  const range = parsePositiveDuration(
    cursor,
    "subquery or range selector",
    "number, duration, step(), or range()",
  );
  if (cursor.takeIf(":") !== undefined) {
    const step =
      cursor.peek().kind === "]"
        ? undefined
        : parsePositiveDuration(cursor, "subquery selector", 'number, duration, step(), range(), or "]"');
    cursor.expect("]", "subquery selector", '"]"');
    const span = { start: inner.span.start, end: cursor.end() };
    return { kind: "subquery", inner, range, step, offset: undefined, at: undefined, span };
  }
  cursor.expect("]", "subquery or range", '":" or "]"');
  if (inner.kind !== "vector selector") {
    return cursor.fail(open.start, "ranges only allowed for vector selectors");
  }
  if (!isZero(inner)) return cursor.fail(open.start, "no offset modifiers allowed before range");
  if (inner.at?.kind === "time") return cursor.fail(open.start, "no @ modifiers allowed before range");
  return {
    kind: "range selector",
    selector: inner,
    range,
    span: { start: inner.span.start, end: cursor.end() },
  };
}

type Modified = Pick<VectorSelector, "offset" | "at" | "extension">;

/** Applies a modifier to the selector inside `node`; undefined when `node` cannot take one. */
function modify(
  cursor: TokenCursor,
  node: Node,
  change: (old: VectorSelector | Extract<Node, { kind: "subquery" }>) => Partial<Modified>,
): Node | undefined {
  const end = cursor.end();
  switch (node.kind) {
    case "vector selector":
      return { ...node, ...change(node), span: { start: node.span.start, end } };
    case "subquery":
      return { ...node, ...change(node), span: { start: node.span.start, end } };
    case "range selector": {
      const selector = { ...node.selector, ...change(node.selector) };
      return { ...node, selector, span: { start: node.span.start, end } };
    }
    case "number":
    case "string":
    case "call":
    case "aggregation":
    case "binary":
    case "unary":
    case "paren":
      return undefined;
  }
}

/** `offset …` after `node`. */
export function parseOffsetModifier(cursor: TokenCursor, node: Node): Node {
  cursor.expect("offset", "", "");
  const offset = parseOffset(cursor);
  const modified = modify(cursor, node, (old) => {
    const isSet =
      old.offset !== undefined && !(old.offset.kind === "number" && literalMs(old.offset.value) === 0);
    if (isSet) return cursor.fail(node.span.start, "offset may not be set multiple times");
    return { offset };
  });
  return (
    modified ??
    cursor.fail(
      node.span.start,
      "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    )
  );
}

function parseAtValue(cursor: TokenCursor, nodeStart: number): AtModifier {
  const token = cursor.peek();
  if (token.kind === "start" || token.kind === "end") {
    cursor.take();
    cursor.expect("(", "@", "timestamp");
    cursor.expect(")", "@", "timestamp");
    return { kind: token.kind };
  }
  const sign = cursor.takeIf("-") !== undefined ? -1 : 1;
  if (sign === 1) cursor.takeIf("+");
  const number = cursor.peek();
  if (number.kind !== "number" && number.kind !== "duration") return cursor.unexpected("@", "timestamp");
  const seconds = sign * readNumber(cursor, cursor.take()).value;
  // The bound is that of int64, which Prometheus keeps times in.
  if (!(Math.abs(seconds) < 2 ** 63)) {
    const shown = Number.isNaN(seconds)
      ? "NaN"
      : seconds.toFixed(6).replace("Infinity", "Inf").replace(/^Inf/, "+Inf");
    return cursor.fail(nodeStart, `timestamp out of bounds for @ modifier: ${shown}`);
  }
  return { kind: "time", timeMs: Math.round(seconds * 1000) };
}

/** `@ time`, `@ start()` or `@ end()` after `node`. */
export function parseAtModifier(cursor: TokenCursor, node: Node): Node {
  cursor.expect("@", "", "");
  const at = parseAtValue(cursor, node.span.start);
  const modified = modify(cursor, node, (old) => {
    if (old.at !== undefined)
      return cursor.fail(node.span.start, "@ <timestamp> may not be set multiple times");
    return { at };
  });
  return (
    modified ??
    cursor.fail(
      node.span.start,
      "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    )
  );
}

/** `anchored` or `smoothed` after `node`. */
export function parseExtension(cursor: TokenCursor, node: Node): Node {
  const extension = cursor.take().kind === "anchored" ? "anchored" : "smoothed";
  const { start } = node.span;
  if (cursor.options.extendedRangeSelectors !== true) {
    return cursor.fail(start, `${extension} modifier is experimental and not enabled`);
  }
  if (node.kind === "subquery")
    return cursor.fail(start, `${extension} modifier is not supported for subqueries`);
  const modified = modify(cursor, node, (old) => {
    if (old.kind === "vector selector" && old.extension !== undefined && old.extension !== extension) {
      return cursor.fail(start, "anchored and smoothed modifiers cannot be used together");
    }
    return { extension };
  });
  // Prometheus' own words for a modifier behind something that is no selector.
  return modified ?? cursor.fail(start, `${extension} modifier not implemented`);
}
