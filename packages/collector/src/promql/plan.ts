import type { Matcher } from "../model/index.ts";
import type { Aggregation, BinaryOperator, ValueType, VectorMatching } from "./ast.ts";
import type { Span } from "./position.ts";
import { signatures } from "./signatures.ts";

/** Where a selector or subquery looks: at a fixed time or at the time of the step, minus an offset. */
export interface Placement {
  readonly atMs: number | undefined;
  readonly offsetMs: number;
}

/** The time that a placement refers to at a step. */
export function referenceMs({ atMs, offsetMs }: Placement, stepMs: number): number {
  return (atMs ?? stepMs) - offsetMs;
}

export interface SelectPlan {
  readonly kind: "select";
  readonly matchers: readonly Matcher[];
  readonly placement: Placement;
  readonly extension: "anchored" | "smoothed" | undefined;
  /** Nobody looks at the buckets of native histograms that it gives. */
  readonly isStatsOnly: boolean;
  readonly span: Span;
}

export interface RangePlan {
  readonly kind: "range";
  readonly select: SelectPlan;
  readonly rangeMs: number;
  readonly span: Span;
}

export interface SubqueryPlan {
  readonly kind: "subquery";
  readonly inner: Plan;
  readonly rangeMs: number;
  readonly stepMs: number | undefined;
  readonly placement: Placement;
  readonly span: Span;
}

export interface CallPlan {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Plan[];
  readonly span: Span;
}

export interface AggregationPlan {
  readonly kind: "aggregation";
  readonly operator: Aggregation["operator"];
  readonly inner: Plan;
  readonly parameter: Plan | undefined;
  readonly grouping: readonly string[];
  readonly without: boolean;
  readonly span: Span;
}

export interface BinaryPlan {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Plan;
  readonly right: Plan;
  readonly leftType: ValueType;
  readonly rightType: ValueType;
  readonly returnBool: boolean;
  readonly matching: VectorMatching;
  readonly span: Span;
}

/** A tree ready to be evaluated for one query: times are numbers, parentheses are gone. */
export type Plan =
  | { readonly kind: "number"; readonly value: number; readonly span: Span }
  | { readonly kind: "string"; readonly value: string; readonly span: Span }
  | SelectPlan
  | RangePlan
  | SubqueryPlan
  | CallPlan
  | AggregationPlan
  | BinaryPlan
  | { readonly kind: "unary"; readonly operator: "+" | "-"; readonly inner: Plan; readonly span: Span }
  /** Has the same value at every step: evaluated once. */
  | { readonly kind: "constant"; readonly inner: Plan; readonly span: Span };

/** Whether a plan gives numbers or vectors. */
export function planType(plan: Exclude<Plan, { kind: "string" }>): "scalar" | "vector" {
  switch (plan.kind) {
    case "number":
      return "scalar";
    case "call":
      return signatures.get(plan.name)!.returns === "scalar" ? "scalar" : "vector";
    case "binary":
      return plan.leftType === "scalar" && plan.rightType === "scalar" ? "scalar" : "vector";
    case "constant":
    case "unary":
      return plan.inner.kind === "string" ? "vector" : planType(plan.inner);
    case "select":
    case "range":
    case "subquery":
    case "aggregation":
      return "vector";
  }
}
