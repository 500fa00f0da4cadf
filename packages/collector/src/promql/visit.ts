import type { Matcher } from "../model/index.ts";
import type { Expression, Node } from "./ast.ts";
import { literalMs } from "./parse-duration.ts";

/** The parts of a node that are nodes themselves. */
function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "number":
    case "string":
    case "vector selector":
      return [];
    case "range selector":
      return [node.selector];
    case "subquery":
    case "unary":
    case "paren":
      return [node.inner];
    case "call":
      return node.args;
    case "aggregation":
      return node.parameter === undefined ? [node.inner] : [node.parameter, node.inner];
    case "binary":
      return [node.left, node.right];
  }
}

/** Visits every node of an expression, parents before children. */
export function visitNodes(expression: Expression, visit: (node: Node) => void): void {
  const pending: Node[] = [expression.root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    visit(node);
    pending.push(...childrenOf(node).toReversed());
  }
}

/** What a selector in an expression reads. */
export interface SelectorUse {
  readonly matchers: readonly Matcher[];
  /** How long before the time of evaluation it reads, beyond the lookback; undefined when that depends on the query. */
  readonly rangeMs: number | undefined;
  /** 0 when it has none; undefined when it depends on the query. */
  readonly offsetMs: number | undefined;
  /** Whether it stands still at a time of its own. */
  readonly hasAt: boolean;
}

/** Every selector of an expression, in the order of the text, with the ranges of subqueries around it added. */
export function vectorSelectors(expression: Expression): readonly SelectorUse[] {
  const uses: SelectorUse[] = [];
  const add = (left: number | undefined, right: number | undefined): number | undefined =>
    left === undefined || right === undefined ? undefined : left + right;
  const durationMs = (node: { readonly kind: string } | undefined): number | undefined => {
    if (node === undefined) return 0;
    return node.kind === "number"
      ? literalMs((node as { readonly value: number } & typeof node).value)
      : undefined;
  };
  function walk(node: Node, outer: Omit<SelectorUse, "matchers">): void {
    if (node.kind === "range selector") {
      walk(node.selector, { ...outer, rangeMs: add(outer.rangeMs, durationMs(node.range)) });
      return;
    }
    if (node.kind === "vector selector" || node.kind === "subquery") {
      const offsetMs = add(outer.offsetMs, durationMs(node.offset));
      const hasAt = outer.hasAt || node.at !== undefined;
      if (node.kind === "vector selector") {
        uses.push({ matchers: node.matchers, rangeMs: outer.rangeMs, offsetMs, hasAt });
        return;
      }
      walk(node.inner, { rangeMs: add(outer.rangeMs, durationMs(node.range)), offsetMs, hasAt });
      return;
    }
    for (const child of childrenOf(node)) walk(child, outer);
  }
  walk(expression.root, { rangeMs: 0, offsetMs: 0, hasAt: false });
  return uses;
}

/** Whether the expression calls one of these functions or aggregations. */
export function containsFunction(expression: Expression, names: readonly string[]): boolean {
  let isFound = false;
  visitNodes(expression, (node) => {
    if (node.kind === "call") isFound ||= names.includes(node.name);
    if (node.kind === "aggregation") isFound ||= names.includes(node.operator);
  });
  return isFound;
}

/** Whether the expression has one of these binary operators. */
export function containsOperator(expression: Expression, operators: readonly string[]): boolean {
  let isFound = false;
  visitNodes(expression, (node) => {
    if (node.kind === "binary") isFound ||= operators.includes(node.operator);
  });
  return isFound;
}

/** Whether more or fewer samples can only make the result of a condition come true earlier, not of what is missing or past. */
export function readsOnlyPresence(expression: Expression): boolean {
  if (containsFunction(expression, ["absent", "absent_over_time"])) return false;
  if (containsOperator(expression, ["unless"])) return false;
  return vectorSelectors(expression).every(({ offsetMs, hasAt }) => offsetMs === 0 && !hasAt);
}
