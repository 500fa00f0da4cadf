import { compileMatcher, metricNameLabel } from "../model/index.ts";
import type { Binary, Call, Node, ValueType, VectorSelector } from "./ast.ts";
import { isComparison, isSetOperator } from "./parse-operator.ts";
import { parseError, quoted } from "./position.ts";
import { signatures } from "./signatures.ts";

/** The type of a node whose parts are well typed. */
export function typeOf(node: Node): ValueType {
  switch (node.kind) {
    case "number":
      return "scalar";
    case "string":
      return "string";
    case "vector selector":
    case "aggregation":
      return "instant vector";
    case "range selector":
    case "subquery":
      return "range vector";
    case "call":
      return signatures.get(node.name)!.returns;
    case "unary":
    case "paren":
      return typeOf(node.inner);
    case "binary":
      return typeOf(node.left) === "scalar" && typeOf(node.right) === "scalar" ? "scalar" : "instant vector";
  }
}

// The names that Prometheus' API has for the types.
const shortNames: Readonly<Record<ValueType, string>> = {
  scalar: "scalar",
  string: "string",
  "instant vector": "vector",
  "range vector": "matrix",
};

export const shortTypeName = (type: ValueType): string => shortNames[type];

const scalarParameter: ReadonlySet<string> = new Set([
  "topk",
  "bottomk",
  "quantile",
  "limitk",
  "limit_ratio",
]);

/**
 * Checks the types of a tree and gives the type of its root.
 * @throws CollectorError QUARTET_PROMQL_INVALID with the first error, in Prometheus' words and order.
 */
export function checkTypes(text: string, root: Node): ValueType {
  const fail = (offset: number, message: string): never => {
    throw parseError(text, offset, message);
  };

  function expectType(node: Node, wanted: ValueType, context: string): void {
    const found = check(node);
    if (found !== wanted) fail(node.span.start, `expected type ${wanted} in ${context}, got ${found}`);
  }

  function checkBinary(node: Binary): void {
    const { left, right, operator, matching } = node;
    const leftType = check(left);
    const rightType = check(right);
    const operatorStart = (): number => {
      let offset = left.span.end;
      while (/\s/.test(text[offset] ?? "")) offset += 1;
      return offset;
    };
    if (node.returnBool && !isComparison(operator)) {
      fail(operatorStart(), "bool modifier can only be used on comparison operators");
    }
    if (isComparison(operator) && !node.returnBool && leftType === "scalar" && rightType === "scalar") {
      fail(operatorStart(), "comparisons between scalars must use BOOL modifier");
    }
    const twice = matching.on ? matching.labels.find((label) => matching.include.includes(label)) : undefined;
    if (twice !== undefined) {
      fail(operatorStart(), `label ${quoted(twice)} must not occur in ON and GROUP clause at once`);
    }
    for (const [side, type] of [
      [left, leftType],
      [right, rightType],
    ] as const) {
      if (type !== "scalar" && type !== "instant vector") {
        fail(side.span.start, "binary expression must contain only scalar and instant vector types");
      }
    }
    const hasFill = (matching.fillLeft ?? matching.fillRight) !== undefined;
    if (leftType !== "instant vector" || rightType !== "instant vector") {
      if (matching.labels.length > 0) {
        fail(node.span.start, "vector matching only allowed between instant vectors");
      }
      if (hasFill) fail(node.span.start, "filling in missing series only allowed between instant vectors");
      if (isSetOperator(operator)) {
        fail(node.span.start, `set operator ${quoted(operator)} not allowed in binary scalar expression`);
      }
    } else if (isSetOperator(operator)) {
      if (matching.cardinality !== "many-to-many") {
        fail(node.span.start, `no grouping allowed for ${quoted(operator)} operation`);
      }
      if (hasFill) fail(node.span.start, "filling in missing series not allowed for set operators");
    }
  }

  function checkInfo(node: Call): void {
    const selector = node.args[1];
    if (selector === undefined) return;
    const type = typeOf(selector);
    if (type !== "instant vector") {
      fail(node.span.start, `expected type instant vector in call to function "info", got ${type}`);
    }
    if (selector.kind !== "vector selector") fail(selector.span.start, "expected label selectors only");
    else if (selector.name !== "") {
      fail(selector.span.start, "expected label selectors only, got vector selector instead");
    }
  }

  function checkCall(node: Call): void {
    const signature = signatures.get(node.name)!;
    const { args, variadic } = signature;
    const count = node.args.length;
    const name = quoted(node.name);
    const least = variadic === 0 ? args.length : args.length - 1;
    if (variadic === 0 && count !== least) {
      fail(node.span.start, `expected ${least} argument(s) in call to ${name}, got ${count}`);
    }
    if (count < least)
      fail(node.span.start, `expected at least ${least} argument(s) in call to ${name}, got ${count}`);
    if (variadic > 0 && count > least + variadic) {
      fail(
        node.span.start,
        `expected at most ${least + variadic} argument(s) in call to ${name}, got ${count}`,
      );
    }
    if (node.name === "info") checkInfo(node);
    for (const [index, arg] of node.args.entries()) {
      const wanted = args[Math.min(index, args.length - 1)]!;
      if (node.name === "info" && index === 1) continue;
      const found = check(arg);
      if (found !== wanted) {
        fail(arg.span.start, `expected type ${wanted} in call to function ${name}, got ${found}`);
      }
    }
  }

  function checkSelector(node: VectorSelector): void {
    if (node.name !== "") {
      const twice = node.matchers.slice(0, -1).find((matcher) => matcher.name === metricNameLabel);
      if (twice !== undefined) {
        fail(
          node.span.start,
          `metric name must not be set twice: ${quoted(node.name)} or ${quoted(twice.value)}`,
        );
      }
      return;
    }
    if (node.matchers.every((matcher) => compileMatcher(matcher)(""))) {
      fail(node.span.start, "vector selector must contain at least one non-empty matcher");
    }
  }

  function check(node: Node): ValueType {
    switch (node.kind) {
      case "number":
      case "string":
        break;
      case "aggregation":
        expectType(node.inner, "instant vector", "aggregation expression");
        if (node.parameter === undefined) break;
        expectType(
          node.parameter,
          scalarParameter.has(node.operator) ? "scalar" : "string",
          "aggregation parameter",
        );
        break;
      case "binary":
        checkBinary(node);
        break;
      case "call":
        checkCall(node);
        break;
      case "paren":
        check(node.inner);
        break;
      case "unary": {
        const type = check(node.inner);
        if (type === "scalar" || type === "instant vector") break;
        fail(
          node.span.start,
          `unary expression only allowed on expressions of type scalar or instant vector, got ${quoted(type)}`,
        );
        break;
      }
      case "subquery": {
        const type = check(node.inner);
        if (type !== "instant vector") {
          fail(
            node.span.start,
            `subquery is only allowed on instant vector, got ${shortTypeName(type)} instead`,
          );
        }
        break;
      }
      case "range selector":
        checkSelector(node.selector);
        break;
      case "vector selector":
        checkSelector(node);
        break;
    }
    return typeOf(node);
  }

  return check(root);
}
