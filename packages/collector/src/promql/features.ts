import type { LanguageFeature } from "../model/index.ts";
import { signatures } from "./signatures.ts";
import type { EngineOptions } from "./query-state.ts";
import { languageOperators } from "./token.ts";
import type { ParseOptions } from "./token-cursor.ts";

/** What of PromQL is on: of its syntax, and of how it is evaluated. */
export interface Language
  extends Required<ParseOptions>, Pick<EngineOptions, "delayedNameRemoval" | "startTimestamps"> {}

const options: Readonly<Record<LanguageFeature, keyof Language>> = {
  "promql-binop-fill-modifiers": "fillModifiers",
  "promql-delayed-name-removal": "delayedNameRemoval",
  "promql-experimental-functions": "experimentalFunctions",
  "promql-extended-range-selectors": "extendedRangeSelectors",
  "use-start-timestamps": "startTimestamps",
};

/** The stable language with these parts besides. */
export function languageOf(features: readonly LanguageFeature[]): Language {
  const language = {
    fillModifiers: false,
    delayedNameRemoval: false,
    experimentalFunctions: false,
    extendedRangeSelectors: false,
    startTimestamps: false,
  };
  for (const feature of features) language[options[feature]] = true;
  return language;
}

const syntax =
  "at_modifier bool by duration_expr group_left group_right ignoring negative_offset offset on per_query_lookback_delta subqueries without".split(
    " ",
  );

/**
 * Every part of the language by the names of Prometheus' feature list, and whether it is on.
 * @see Prometheus 3.14, `/api/v1/features`
 */
export function languageFeatures({
  experimentalFunctions,
  extendedRangeSelectors,
  fillModifiers,
}: Language): Readonly<Record<string, Readonly<Record<string, boolean>>>> {
  const functions = [...signatures].map(
    ([name, { isExperimental }]) => [name, experimentalFunctions || !isExperimental] as const,
  );
  const isExperimental = (operator: string) => operator === "limitk" || operator === "limit_ratio";
  return {
    promql: {
      ...Object.fromEntries(syntax.map((name) => [name, true])),
      anchored: extendedRangeSelectors,
      smoothed: extendedRangeSelectors,
      fill: fillModifiers,
      fill_left: fillModifiers,
      fill_right: fillModifiers,
    },
    promql_functions: Object.fromEntries(functions),
    promql_operators: Object.fromEntries(
      languageOperators.map((name) => [name, experimentalFunctions || !isExperimental(name)]),
    ),
  };
}
