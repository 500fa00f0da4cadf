import type { AtModifier, Binary, Call, DurationNode, Node } from "./ast.ts";
import { executionError } from "./execution-error.ts";
import { power } from "./float-operation.ts";
import { goMax, goMin } from "./go-float.ts";
import { literalMs } from "./parse-duration.ts";
import type { Placement, Plan, SelectPlan } from "./plan.ts";
import { lineColumnRange, type Span } from "./position.ts";
import { typeOf } from "./type-check.ts";

export interface QueryTimes {
  readonly startMs: number;
  readonly endMs: number;
  /** 0 for an instant query. */
  readonly stepMs: number;
}

// Functions whose result depends on the time of evaluation even when their arguments do not.
const timeDependent: ReadonlySet<string> = new Set([
  "days_in_month",
  "day_of_month",
  "day_of_week",
  "day_of_year",
  "end",
  "hour",
  "minute",
  "month",
  "year",
  "predict_linear",
  "range",
  "start",
  "step",
  "time",
  "timestamp",
]);

// What of native histograms the functions that read them look at.
const histogramReaders: ReadonlyMap<string, "stats" | "buckets"> = new Map([
  ["histogram_count", "stats"],
  ["histogram_sum", "stats"],
  ["histogram_avg", "stats"],
  ["histogram_quantile", "buckets"],
  ["histogram_quantiles", "buckets"],
  ["histogram_fraction", "buckets"],
]);

interface Planned {
  readonly plan: Plan;
  readonly isInvariant: boolean;
  /** Whether evaluating it once would save something. */
  readonly isWorthWrapping: boolean;
}

const wrapped = ({ plan, isWorthWrapping }: Planned): Plan =>
  isWorthWrapping ? { kind: "constant", inner: plan, span: plan.span } : plan;

/**
 * The plan of a query for its times.
 * @throws CollectorError QUARTET_PROMQL_EXECUTION when a computed duration is none.
 */
export function buildPlan(root: Node, times: QueryTimes): Plan {
  const seconds = (node: DurationNode): number => {
    if (node.kind === "number") return node.value;
    if (node.kind === "duration call")
      return (node.name === "step" ? times.stepMs : times.endMs - times.startMs) / 1000;
    const right = seconds(node.right);
    if (node.left === undefined) return -right;
    const left = seconds(node.left);
    switch (node.operator) {
      case "+":
        return left + right;
      case "-":
        return left - right;
      case "*":
        return left * right;
      case "^":
        return power(left, right);
      case "min_of":
        return goMin(left, right);
      case "max_of":
        return goMax(left, right);
      case "/":
      case "%":
        if (right === 0) {
          const what = node.operator === "/" ? "division" : "modulo";
          throw executionError(`${lineColumnRange(node.span)}: ${what} by zero`);
        }
        return node.operator === "/" ? left / right : left % right;
    }
  };
  const durationMs = (node: DurationNode, mayBeNegative: boolean): number => {
    if (node.kind === "number") return literalMs(node.value);
    const value = seconds(node);
    if (!Number.isFinite(value))
      throw executionError(`${lineColumnRange(node.span)}: duration is NaN or infinite`);
    if (value <= 0 && !mayBeNegative) {
      throw executionError(`${lineColumnRange(node.span)}: duration must be greater than 0`);
    }
    if (Math.abs(value) > 2 ** 63 / 1e9)
      throw executionError(`${lineColumnRange(node.span)}: duration is out of range`);
    return Math.trunc(value * 1000);
  };
  const placement = (at: AtModifier | undefined, offset: DurationNode | undefined): Placement => {
    const offsetMs = offset === undefined ? 0 : durationMs(offset, true);
    if (at === undefined) return { atMs: undefined, offsetMs };
    if (at.kind === "time") return { atMs: at.timeMs, offsetMs };
    return { atMs: at.kind === "start" ? times.startMs : times.endMs, offsetMs };
  };
  const literal = (value: number, span: Span): Planned => ({
    plan: { kind: "number", value, span },
    isInvariant: true,
    isWorthWrapping: false,
  });

  function planCall(node: Call): Planned {
    switch (node.name) {
      case "start":
        return literal(times.startMs / 1000, node.span);
      case "end":
        return literal(times.endMs / 1000, node.span);
      case "range":
        return literal((times.endMs - times.startMs) / 1000, node.span);
      case "step":
        return literal(times.startMs === times.endMs ? 0 : times.stepMs / 1000, node.span);
      default:
    }
    const args = within(histogramReaders.get(node.name), () => node.args.map(visit));
    const isInvariant = args.every((arg) => arg.isInvariant);
    // timestamp(selector @ t) is fixed as well: the time is that of the sample.
    const isFixedTimestamp = node.name === "timestamp" && args.every(({ plan }) => plan.kind === "select");
    const span = node.span;
    if (isInvariant && (!timeDependent.has(node.name) || isFixedTimestamp)) {
      const plan: Plan = { kind: "call", name: node.name, args: args.map((arg) => arg.plan), span };
      return { plan, isInvariant: true, isWorthWrapping: true };
    }
    return {
      plan: { kind: "call", name: node.name, args: args.map(wrapped), span },
      isInvariant: false,
      isWorthWrapping: false,
    };
  }

  function planBinary(node: Binary): Planned {
    const { operator, returnBool, matching, span } = node;
    const isTrim = operator === "</" || operator === ">/";
    const [left, right] = within(isTrim ? "buckets" : undefined, () => [
      visit(node.left),
      visit(node.right),
    ]) as [Planned, Planned];
    const isInvariant = left.isInvariant && right.isInvariant;
    const plan: Plan = {
      kind: "binary",
      operator,
      left: isInvariant ? left.plan : wrapped(left),
      right: isInvariant ? right.plan : wrapped(right),
      leftType: typeOf(node.left),
      rightType: typeOf(node.right),
      returnBool,
      matching,
      span,
    };
    return { plan, isInvariant, isWorthWrapping: isInvariant };
  }

  // What functions around the node in hand read of native histograms; whoever needs the buckets has the say.
  let reads: "anything" | "stats" | "buckets" = "anything";
  function within<T>(inner: "stats" | "buckets" | undefined, plan: () => T): T {
    const outer = reads;
    if (inner !== undefined && outer !== "buckets") reads = inner;
    const planned = plan();
    reads = outer;
    return planned;
  }

  function planSelect(node: Extract<Node, { kind: "vector selector" }>): SelectPlan {
    const { matchers, extension, span } = node;
    return {
      kind: "select",
      matchers,
      extension,
      isStatsOnly: reads === "stats",
      span,
      placement: placement(node.at, node.offset),
    };
  }

  function visit(node: Node): Planned {
    switch (node.kind) {
      case "number":
        return literal(node.value, node.span);
      case "string":
        return {
          plan: { kind: "string", value: node.value, span: node.span },
          isInvariant: true,
          isWorthWrapping: false,
        };
      case "paren":
        return visit(node.inner);
      case "vector selector": {
        const plan = planSelect(node);
        const isFixed = plan.placement.atMs !== undefined;
        return { plan, isInvariant: isFixed, isWorthWrapping: isFixed };
      }
      case "range selector": {
        const select = planSelect(node.selector);
        const plan: Plan = { kind: "range", select, rangeMs: durationMs(node.range, false), span: node.span };
        return { plan, isInvariant: select.placement.atMs !== undefined, isWorthWrapping: false };
      }
      case "subquery": {
        // Samples may be missing there, so that resets can be told by buckets only.
        const inner = within("buckets", () => visit(node.inner));
        const plan: Plan = {
          kind: "subquery",
          inner: inner.isInvariant
            ? { kind: "constant", inner: inner.plan, span: inner.plan.span }
            : inner.plan,
          rangeMs: durationMs(node.range, false),
          stepMs: node.step === undefined ? undefined : durationMs(node.step, false),
          placement: placement(node.at, node.offset),
          span: node.span,
        };
        // A range is read through its placement at every step, so it needs no wrapping.
        return { plan, isInvariant: plan.placement.atMs !== undefined, isWorthWrapping: false };
      }
      case "call":
        return planCall(node);
      case "binary":
        return planBinary(node);
      case "unary": {
        const inner = visit(node.inner);
        return {
          ...inner,
          plan: { kind: "unary", operator: node.operator, inner: inner.plan, span: node.span },
        };
      }
      case "aggregation": {
        const inner = visit(node.inner);
        // Prometheus looks at the vector only, not at the parameter.
        const parameter = node.parameter === undefined ? undefined : visit(node.parameter).plan;
        const { operator, grouping, without, span } = node;
        return {
          ...inner,
          plan: { kind: "aggregation", operator, inner: inner.plan, parameter, grouping, without, span },
        };
      }
    }
  }

  return wrapped(visit(root));
}
