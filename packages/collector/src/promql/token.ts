import { quoted } from "./position.ts";

const aggregationOperators = [
  "sum",
  "avg",
  "count",
  "min",
  "max",
  "group",
  "stddev",
  "stdvar",
  "topk",
  "bottomk",
  "count_values",
  "quantile",
  "limitk",
  "limit_ratio",
] as const;

export type AggregationOperator = (typeof aggregationOperators)[number];

const operatorWords = ["and", "or", "unless", "atan2"] as const;

const modifierWords = [
  "offset",
  "smoothed",
  "anchored",
  "by",
  "without",
  "on",
  "ignoring",
  "group_left",
  "group_right",
  "fill",
  "fill_left",
  "fill_right",
  "bool",
  "start",
  "end",
  "step",
  "range",
  "max_of",
  "min_of",
] as const;

const operatorSigns = [
  "+",
  "-",
  "*",
  "/",
  "%",
  "^",
  "==",
  "!=",
  "<=",
  "<",
  ">=",
  ">",
  "</",
  ">/",
  "=~",
  "!~",
  "@",
] as const;

/** Every operator and aggregation of the language. */
export const languageOperators: readonly string[] = [
  ...aggregationOperators,
  ...operatorWords,
  ...operatorSigns,
];

type Keyword = AggregationOperator | (typeof operatorWords)[number] | (typeof modifierWords)[number];

/** Signs and keywords are their own kind. An identifier has no colon, a metric has one. */
export type TokenKind =
  | "end of input"
  | "identifier"
  | "metric identifier"
  | "string"
  | "number"
  | "duration"
  | "("
  | ")"
  | "{"
  | "}"
  | "["
  | "]"
  | ","
  | ":"
  | "="
  | (typeof operatorSigns)[number]
  | Keyword;

export interface Token {
  readonly kind: TokenKind;
  /** As written. */
  readonly text: string;
  /** In UTF-16 units; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
}

const keywords: ReadonlyMap<string, Keyword> = new Map(
  [...aggregationOperators, ...operatorWords, ...modifierWords].map((word): [string, Keyword] => [
    word,
    word,
  ]),
);

/** The keyword that a word is, in any case of letters. */
export function keywordOf(word: string): Keyword | undefined {
  return keywords.get(word.toLowerCase());
}

const aggregationKinds: ReadonlySet<string> = new Set(aggregationOperators);
const operatorKinds: ReadonlySet<string> = new Set<string>([...operatorWords, ...operatorSigns]);
const modifierKinds: ReadonlySet<string> = new Set(modifierWords);
// Words that mean something in some places only.
const contextWords: ReadonlySet<string> = new Set(["start", "end", "step", "range", "max_of", "min_of"]);
const plainKinds: ReadonlySet<string> = new Set([
  "identifier",
  "metric identifier",
  "string",
  "number",
  "duration",
]);

export function isAggregation(kind: TokenKind): kind is AggregationOperator {
  return aggregationKinds.has(kind);
}

// Grammar rule metric_identifier of Prometheus: these keywords cannot stand as the name of a metric.
const notMetricNames: ReadonlySet<string> = new Set([
  "atan2",
  "bool",
  "on",
  "ignoring",
  "group_left",
  "group_right",
]);

/** Whether the token may be the name of a metric: an identifier, or a keyword that the grammar lets through. */
export function isMetricName(kind: TokenKind): boolean {
  if (kind === "identifier" || kind === "metric identifier") return true;
  return keywords.has(kind) && !notMetricNames.has(kind);
}

/** Whether the token may be a label in a list of labels: any word. */
export function isLabelWord(kind: TokenKind): boolean {
  return kind === "identifier" || kind === "metric identifier" || keywords.has(kind);
}

/** How Prometheus names a token after "unexpected". */
export function describeToken({ kind, text }: Token): string {
  if (kind === "end of input") return kind;
  if (kind === "identifier" || kind === "metric identifier") return `${kind} ${quoted(text)}`;
  if (contextWords.has(kind)) return quoted(text);
  if (modifierKinds.has(kind)) return `<${text}>`;
  if (operatorKinds.has(kind)) return `<op:${text}>`;
  if (aggregationKinds.has(kind)) return `<aggr:${text}>`;
  const shown = text.length > 10 ? `${quoted(text.slice(0, 10))}...` : quoted(text);
  return plainKinds.has(kind) ? `${kind} ${shown}` : shown;
}
