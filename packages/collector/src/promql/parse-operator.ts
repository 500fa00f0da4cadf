import type { BinaryOperator, VectorMatching } from "./ast.ts";
import { readNumber, readString, type TokenCursor } from "./token-cursor.ts";
import { isLabelWord, type TokenKind } from "./token.ts";

/** How tightly each operator binds; only `^` groups from the right. */
export const operatorPrecedence: ReadonlyMap<TokenKind, number> = new Map<TokenKind, number>([
  ["or", 1],
  ["and", 2],
  ["unless", 2],
  ["==", 3],
  ["!=", 3],
  ["<", 3],
  [">", 3],
  ["<=", 3],
  [">=", 3],
  ["</", 3],
  [">/", 3],
  ["+", 4],
  ["-", 4],
  ["*", 5],
  ["/", 5],
  ["%", 5],
  ["atan2", 5],
  ["^", 6],
]);

/** A sign binds as tightly as a multiplication does. */
export const signPrecedence = 5;

export const isSetOperator = (operator: BinaryOperator): operator is "and" | "or" | "unless" =>
  operator === "and" || operator === "or" || operator === "unless";

const comparisons: ReadonlySet<string> = new Set(["==", "!=", "<", ">", "<=", ">="]);

export const isComparison = (operator: BinaryOperator): boolean => comparisons.has(operator);

/** Labels in parentheses: words, keywords too, or quoted names. */
export function parseLabelList(cursor: TokenCursor): string[] {
  const labels: string[] = [];
  cursor.expect("(", "grouping opts", '"("');
  while (cursor.takeIf(")") === undefined) {
    const token = cursor.peek();
    if (token.kind === "string") {
      const label = readString(cursor, cursor.take());
      if (label === "") cursor.fail(token.start, 'invalid label name for grouping: ""');
      labels.push(label);
    } else if (isLabelWord(token.kind)) labels.push(cursor.take().text);
    else cursor.unexpected("grouping opts", "label");
    if (cursor.peek().kind !== ")") cursor.expect(",", "grouping opts", '"," or ")"');
  }
  return labels;
}

function parseFillValue(cursor: TokenCursor): number {
  cursor.expect("(", "", "");
  const negative = cursor.takeIf("-") !== undefined;
  if (!negative) cursor.takeIf("+");
  const token = cursor.peek();
  if (token.kind !== "number" && token.kind !== "duration") return cursor.unexpected();
  const { value } = readNumber(cursor, cursor.take());
  cursor.expect(")", "", "");
  return negative ? -value : value;
}

function parseFill(cursor: TokenCursor): Pick<VectorMatching, "fillLeft" | "fillRight"> {
  let fillLeft: number | undefined;
  let fillRight: number | undefined;
  if (cursor.takeIf("fill") !== undefined) {
    fillLeft = parseFillValue(cursor);
    return { fillLeft, fillRight: fillLeft };
  }
  for (let round = 0; round < 2; round += 1) {
    if (fillLeft === undefined && cursor.takeIf("fill_left") !== undefined) fillLeft = parseFillValue(cursor);
    else if (fillRight === undefined && cursor.takeIf("fill_right") !== undefined)
      fillRight = parseFillValue(cursor);
  }
  return { fillLeft, fillRight };
}

/** What stands between an operator and its right side: bool, on, ignoring, group_left, group_right, fill. */
export function parseOperatorModifiers(cursor: TokenCursor): {
  readonly returnBool: boolean;
  readonly matching: VectorMatching;
} {
  const returnBool = cursor.takeIf("bool") !== undefined;
  let cardinality: VectorMatching["cardinality"] = "one-to-one";
  let labels: readonly string[] = [];
  let include: readonly string[] = [];
  const clause = cursor.takeIf("on") ?? cursor.takeIf("ignoring");
  if (clause !== undefined) {
    labels = parseLabelList(cursor);
    const group = cursor.takeIf("group_left") ?? cursor.takeIf("group_right");
    if (group !== undefined) {
      cardinality = group.kind === "group_left" ? "many-to-one" : "one-to-many";
      if (cursor.peek().kind === "(") include = parseLabelList(cursor);
    }
  }
  const fill = parseFill(cursor);
  return { returnBool, matching: { cardinality, labels, on: clause?.kind === "on", include, ...fill } };
}
