import type { Matcher } from "../model/index.ts";
import type { Span } from "./position.ts";
import type { AggregationOperator } from "./token.ts";

export type ValueType = "scalar" | "instant vector" | "range vector" | "string";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "^" | "atan2";
export type ComparisonOperator = "==" | "!=" | "<" | ">" | "<=" | ">=";
export type SetOperator = "and" | "or" | "unless";
/** `</` and `>/` cut a native histogram off above and below. */
type TrimOperator = "</" | ">/";
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | SetOperator | TrimOperator;

export interface NumberLiteral {
  readonly kind: "number";
  readonly value: number;
  /** Written as a duration; `value` is seconds. */
  readonly isDuration: boolean;
  readonly span: Span;
}

interface StringLiteral {
  readonly kind: "string";
  readonly value: string;
  readonly span: Span;
}

/** A duration that depends on the query (`step()`, `range()`) or is computed. */
export type DurationNode =
  | NumberLiteral
  | { readonly kind: "duration call"; readonly name: "step" | "range"; readonly span: Span }
  | {
      readonly kind: "duration operation";
      readonly operator: "+" | "-" | "*" | "/" | "%" | "^" | "min_of" | "max_of";
      /** Undefined for a sign. */
      readonly left: DurationNode | undefined;
      readonly right: DurationNode;
      readonly isWrapped: boolean;
      readonly span: Span;
    };

/** The `@` modifier: a fixed time, or the query's first or last. */
export type AtModifier =
  | { readonly kind: "time"; readonly timeMs: number }
  | { readonly kind: "start" | "end" };

export interface VectorSelector {
  readonly kind: "vector selector";
  /** Name written before the braces; "" when there is none. It is also among the matchers, last. */
  readonly name: string;
  readonly matchers: readonly Matcher[];
  readonly offset: DurationNode | undefined;
  readonly at: AtModifier | undefined;
  readonly extension: "anchored" | "smoothed" | undefined;
  readonly span: Span;
}

interface RangeSelector {
  readonly kind: "range selector";
  readonly selector: VectorSelector;
  readonly range: DurationNode;
  readonly span: Span;
}

interface Subquery {
  readonly kind: "subquery";
  readonly inner: Node;
  readonly range: DurationNode;
  /** Undefined means the engine's default. */
  readonly step: DurationNode | undefined;
  readonly offset: DurationNode | undefined;
  readonly at: AtModifier | undefined;
  readonly span: Span;
}

export interface Call {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Node[];
  readonly span: Span;
}

export interface Aggregation {
  readonly kind: "aggregation";
  readonly operator: AggregationOperator;
  readonly inner: Node;
  readonly parameter: Node | undefined;
  readonly grouping: readonly string[];
  readonly without: boolean;
  readonly span: Span;
}

export interface VectorMatching {
  readonly cardinality: "one-to-one" | "many-to-one" | "one-to-many" | "many-to-many";
  /** Labels of `on` or `ignoring`. */
  readonly labels: readonly string[];
  readonly on: boolean;
  /** Labels that group_left or group_right takes over from the "one" side. */
  readonly include: readonly string[];
  readonly fillLeft: number | undefined;
  readonly fillRight: number | undefined;
}

export interface Binary {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Node;
  readonly right: Node;
  readonly returnBool: boolean;
  /** Meaningful between two instant vectors only. */
  readonly matching: VectorMatching;
  readonly span: Span;
}

interface Unary {
  readonly kind: "unary";
  readonly operator: "+" | "-";
  readonly inner: Node;
  readonly span: Span;
}

interface Paren {
  readonly kind: "paren";
  readonly inner: Node;
  readonly span: Span;
}

export type Node =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | RangeSelector
  | Subquery
  | Call
  | Aggregation
  | Binary
  | Unary
  | Paren;

/** A query that parsed and type-checked. */
export interface Expression {
  /** As written; positions of annotations refer to it. */
  readonly text: string;
  readonly root: Node;
  readonly type: ValueType;
}
