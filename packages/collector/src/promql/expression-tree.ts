import type { Matcher } from "../model/index.ts";
import type { AtModifier, Binary, DurationNode, Expression, Node, VectorSelector } from "./ast.ts";
import { formatPlain } from "./format-value.ts";
import { literalMs } from "./parse-duration.ts";
import { signatures } from "./signatures.ts";
import { shortTypeName, typeOf } from "./type-check.ts";

/** A node of the tree as JSON shows it: `type` and what goes with it. */
export type TreeNode = Readonly<Record<string, unknown>> & { readonly type: string };

/** A computed duration, and any part of one. */
function durationNode(node: DurationNode): TreeNode {
  switch (node.kind) {
    case "number":
      return { type: "numberLiteral", val: formatPlain(node.value), duration: node.isDuration };
    case "duration call":
      return { type: "durationExpr", op: node.name, lhs: null, rhs: null, wrapped: false };
    case "duration operation":
      return {
        type: "durationExpr",
        op: node.operator,
        lhs: node.left === undefined ? null : durationNode(node.left),
        rhs: durationNode(node.right),
        wrapped: node.isWrapped,
      };
  }
}

/** A duration that is known stands as `name`, in milliseconds; one that a query must compute as `nameExpr`. */
function duration(name: string, node: DurationNode | undefined): Record<string, unknown> {
  if (node === undefined || node.kind === "number") {
    return { [name]: node === undefined ? 0 : literalMs(node.value), [`${name}Expr`]: null };
  }
  return { [name]: 0, [`${name}Expr`]: durationNode(node) };
}

const at = (modifier: AtModifier | undefined) => ({
  timestamp: modifier?.kind === "time" ? modifier.timeMs : null,
  startOrEnd: modifier === undefined || modifier.kind === "time" ? null : modifier.kind,
});

const matcher = ({ name, operator, value }: Matcher) => ({ name, value, type: operator });

const selector = (node: VectorSelector) => ({
  name: node.name,
  ...duration("offset", node.offset),
  matchers: node.matchers.map(matcher),
  ...at(node.at),
  anchored: node.extension === "anchored",
  smoothed: node.extension === "smoothed",
});

/** Only vectors are matched. */
function matchingOf({ left, right, matching }: Binary): unknown {
  if (typeOf(left) !== "instant vector" || typeOf(right) !== "instant vector") return null;
  const { cardinality, labels, on, include, fillLeft, fillRight } = matching;
  const fillValues = { lhs: fillLeft ?? null, rhs: fillRight ?? null };
  return { card: cardinality, labels, on, include, fillValues };
}

function treeNode(node: Node): TreeNode {
  switch (node.kind) {
    case "number":
      return { type: "numberLiteral", val: formatPlain(node.value) };
    case "string":
      return { type: "stringLiteral", val: node.value };
    case "vector selector":
      return { type: "vectorSelector", ...selector(node) };
    case "range selector":
      return { type: "matrixSelector", ...selector(node.selector), ...duration("range", node.range) };
    case "subquery":
      return {
        type: "subquery",
        expr: treeNode(node.inner),
        ...duration("range", node.range),
        ...duration("offset", node.offset),
        ...duration("step", node.step),
        ...at(node.at),
      };
    case "call": {
      const { args, variadic, returns } = signatures.get(node.name)!;
      const func = {
        name: node.name,
        argTypes: args.map(shortTypeName),
        variadic,
        returnType: shortTypeName(returns),
      };
      return { type: "call", func, args: node.args.map(treeNode) };
    }
    case "aggregation":
      return {
        type: "aggregation",
        op: node.operator,
        expr: treeNode(node.inner),
        param: node.parameter === undefined ? null : treeNode(node.parameter),
        grouping: node.grouping,
        without: node.without,
      };
    case "binary":
      return {
        type: "binaryExpr",
        op: node.operator,
        lhs: treeNode(node.left),
        rhs: treeNode(node.right),
        matching: matchingOf(node),
        bool: node.returnBool,
      };
    case "unary":
      return { type: "unaryExpr", op: node.operator, expr: treeNode(node.inner) };
    case "paren":
      return { type: "parenExpr", expr: treeNode(node.inner) };
  }
}

/**
 * The tree of an expression as plain data, for clients that draw or rewrite queries.
 * @see Prometheus 3.14, `/api/v1/parse_query` (web/api/v1/translate_ast.go)
 */
export function expressionTree({ root }: Expression): TreeNode {
  return treeNode(root);
}
