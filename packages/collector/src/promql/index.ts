export type { Annotations } from "./annotations.ts";
export type { Expression, Node, ValueType } from "./ast.ts";
export {
  evaluateInstant,
  evaluateRange,
  queryDefaults,
  type InstantQuery,
  type MatrixSeries,
  type QueryInput,
  type QueryResult,
  type QueryValue,
  type RangeQuery,
  type VectorSample,
} from "./engine.ts";
export { languageFeatures, languageOf, type Language } from "./features.ts";
export { expressionTree, type TreeNode } from "./expression-tree.ts";
export { formatExpression } from "./format-expression.ts";
export { formatHistogram } from "./histogram/format.ts";
export { formatLabels } from "./label-edit.ts";
export { formatSampleValue } from "./format-value.ts";
export { formatDurationMs, parseDurationMs } from "./literal.ts";
export { parseExpression } from "./parse.ts";
export type { EngineOptions, QueryLimits } from "./query-state.ts";
export { parseSeriesNotation, type NotedSample, type NotedSeries } from "./series-notation.ts";
export type { ParseOptions } from "./token-cursor.ts";
export { readsOnlyPresence, vectorSelectors, type SelectorUse } from "./visit.ts";
