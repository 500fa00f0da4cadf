import type { Aggregation, BinaryOperator, Expression, Node } from "./ast.ts";
import {
  isSetOperator,
  operatorPrecedence,
  parseLabelList,
  parseOperatorModifiers,
  signPrecedence,
} from "./parse-operator.ts";
import {
  parseAtModifier,
  parseBrackets,
  parseExtension,
  parseOffsetModifier,
  parseVectorSelector,
} from "./parse-selector.ts";
import { signatures } from "./signatures.ts";
import {
  createTokenCursor,
  readNumber,
  readString,
  type ParseOptions,
  type TokenCursor,
} from "./token-cursor.ts";
import {
  isAggregation,
  isMetricName,
  type AggregationOperator,
  type Token,
  type TokenKind,
} from "./token.ts";
import { checkTypes } from "./type-check.ts";

const withParameter: ReadonlySet<AggregationOperator> = new Set<AggregationOperator>([
  "topk",
  "bottomk",
  "count_values",
  "quantile",
  "limitk",
  "limit_ratio",
]);
const callableKeywords: ReadonlySet<string> = new Set(["start", "end", "step", "range", "max_of", "min_of"]);

// Deeper nesting than this is refused, so that no query can exhaust the stack.
const depthMax = 200;

/** Whether an expression can begin with such a token. */
function canBegin(kind: TokenKind): boolean {
  return ["number", "duration", "string", "(", "{", "+", "-"].includes(kind) || isMetricName(kind);
}

function parseArguments(cursor: TokenCursor, depth: number): Node[] {
  const args: Node[] = [];
  cursor.expect("(", "", "");
  while (cursor.takeIf(")") === undefined) {
    args.push(parseNode(cursor, 0, depth));
    if (cursor.peek().kind === ")") continue;
    const comma = cursor.peek();
    if (cursor.takeIf(",") === undefined) cursor.unexpected();
    if (!canBegin(cursor.peek().kind)) {
      cursor.fail(comma.start, "trailing commas not allowed in function call args");
    }
  }
  return args;
}

function parseAggregation(
  cursor: TokenCursor,
  operator: Token & { kind: AggregationOperator },
  depth: number,
): Node {
  let grouping: readonly string[] = [];
  let without = false;
  const parseModifier = (): boolean => {
    const word = cursor.takeIf("by") ?? cursor.takeIf("without");
    if (word === undefined) return false;
    without = word.kind === "without";
    grouping = parseLabelList(cursor);
    return true;
  };
  const isBefore = parseModifier();
  const args = cursor.within("aggregation", () => parseArguments(cursor, depth));
  if (!isBefore) parseModifier();
  const span = { start: operator.start, end: cursor.end() };
  const { kind } = operator;
  if (args.length === 0) return cursor.fail(span.start, "no arguments for aggregate expression provided");
  if ((kind === "limitk" || kind === "limit_ratio") && cursor.options.experimentalFunctions !== true) {
    return cursor.fail(
      span.start,
      `${kind}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
    );
  }
  const wanted = withParameter.has(kind) ? 2 : 1;
  if (args.length !== wanted) {
    return cursor.fail(
      span.start,
      `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
    );
  }
  const node: Aggregation = {
    kind: "aggregation",
    operator: kind,
    inner: args[wanted - 1]!,
    parameter: wanted === 2 ? args[0] : undefined,
    grouping,
    without,
    span,
  };
  return node;
}

function parseCall(cursor: TokenCursor, name: Token, depth: number): Node {
  const args = parseArguments(cursor, depth);
  const signature = signatures.get(name.text);
  if (signature === undefined)
    return cursor.fail(name.start, `unknown function with name ${JSON.stringify(name.text)}`);
  if (signature.isExperimental && cursor.options.experimentalFunctions !== true) {
    return cursor.fail(name.start, `function ${JSON.stringify(name.text)} is not enabled`);
  }
  return { kind: "call", name: name.text, args, span: { start: name.start, end: cursor.end() } };
}

function parseWord(cursor: TokenCursor, depth: number): Node {
  const word = cursor.peek();
  const isCallable = word.kind === "identifier" || callableKeywords.has(word.kind);
  if (!isCallable && !isAggregation(word.kind)) return parseVectorSelector(cursor);
  const rest = cursor.text.slice(word.end);
  const following = /^(?:[ \t\r\n]|#[^\n\r]*)*(\(|(?:by|without)\b)?/i.exec(rest)?.[1];
  if (isAggregation(word.kind) && following !== undefined) {
    return parseAggregation(cursor, cursor.take() as Token & { kind: AggregationOperator }, depth);
  }
  if (isCallable && following === "(") return parseCall(cursor, cursor.take(), depth);
  return parseVectorSelector(cursor);
}

function parsePrimary(cursor: TokenCursor, depth: number): Node {
  const token = cursor.peek();
  if (token.kind === "number" || token.kind === "duration") return readNumber(cursor, cursor.take());
  if (token.kind === "string") {
    const value = readString(cursor, cursor.take());
    return { kind: "string", value, span: { start: token.start, end: token.end } };
  }
  if (token.kind === "{") return parseVectorSelector(cursor);
  if (token.kind === "(") {
    cursor.take();
    const inner = parseNode(cursor, 0, depth);
    cursor.expect(")", "", "");
    return { kind: "paren", inner, span: { start: token.start, end: cursor.end() } };
  }
  if (isMetricName(token.kind)) return parseWord(cursor, depth);
  return cursor.unexpected();
}

function parsePostfix(cursor: TokenCursor, depth: number): Node {
  let node = parsePrimary(cursor, depth);
  for (;;) {
    const { kind } = cursor.peek();
    if (kind === "[") node = parseBrackets(cursor, node);
    else if (kind === "offset") node = parseOffsetModifier(cursor, node);
    else if (kind === "@") node = parseAtModifier(cursor, node);
    else if (kind === "anchored" || kind === "smoothed") node = parseExtension(cursor, node);
    else return node;
  }
}

function parseSigned(cursor: TokenCursor, depth: number): Node {
  const sign = cursor.peek();
  if (sign.kind !== "+" && sign.kind !== "-") return parsePostfix(cursor, depth);
  cursor.take();
  const inner = parseNode(cursor, signPrecedence + 1, depth);
  const span = { start: sign.start, end: inner.span.end };
  if (inner.kind === "number")
    return { ...inner, value: sign.kind === "-" ? -inner.value : inner.value, span };
  return { kind: "unary", operator: sign.kind, inner, span };
}

function parseNode(cursor: TokenCursor, level: number, outerDepth: number): Node {
  const depth = outerDepth + 1;
  if (depth > depthMax)
    return cursor.fail(cursor.peek().start, `expression is nested deeper than ${depthMax}`);
  let left = parseSigned(cursor, depth);
  for (;;) {
    const token = cursor.peek();
    const precedence = operatorPrecedence.get(token.kind);
    if (precedence === undefined || precedence < level) return left;
    cursor.take();
    const operator = token.kind as BinaryOperator;
    const { returnBool, matching } = parseOperatorModifiers(cursor);
    const right = parseNode(cursor, operator === "^" ? precedence : precedence + 1, depth);
    const span = { start: left.span.start, end: right.span.end };
    if (cursor.options.fillModifiers !== true && (matching.fillLeft ?? matching.fillRight) !== undefined) {
      return cursor.fail(span.start, "binop fill modifiers are experimental and not enabled");
    }
    const isMany = isSetOperator(operator) && matching.cardinality === "one-to-one";
    left = {
      kind: "binary",
      operator,
      left,
      right,
      returnBool,
      matching: isMany ? { ...matching, cardinality: "many-to-many" } : matching,
      span,
    };
  }
}

/**
 * The typed tree of a PromQL expression.
 * @throws CollectorError QUARTET_PROMQL_INVALID "line:column: parse error: …": type errors in Prometheus' words,
 * syntax errors at the same place.
 * @see Prometheus 3.14, promql/parser
 */
export function parseExpression(text: string, options: ParseOptions = {}): Expression {
  const cursor = createTokenCursor(text, options);
  if (cursor.peek().kind === "end of input") return cursor.fail(0, "no expression found in input");
  const root = parseNode(cursor, 0, 0);
  if (cursor.peek().kind !== "end of input") cursor.unexpected();
  return { text, root, type: checkTypes(text, root) };
}
