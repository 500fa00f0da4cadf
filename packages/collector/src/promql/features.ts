import { signatures } from "./signatures.ts";
import { languageOperators } from "./token.ts";

const syntax =
  "at_modifier bool by duration_expr group_left group_right ignoring negative_offset offset on per_query_lookback_delta subqueries without".split(
    " ",
  );
const behindOptions = ["anchored", "smoothed", "fill", "fill_left", "fill_right"];

/**
 * What of the language is on when no option is given, by the names of Prometheus' feature list.
 * @see Prometheus 3.14, `/api/v1/features`
 */
export function languageFeatures(): Readonly<Record<string, Readonly<Record<string, boolean>>>> {
  const functions = [...signatures].map(([name, { isExperimental }]) => [name, !isExperimental] as const);
  const isExperimental = (operator: string) => operator === "limitk" || operator === "limit_ratio";
  return {
    promql: Object.fromEntries([
      ...syntax.map((name) => [name, true] as const),
      ...behindOptions.map((name) => [name, false] as const),
    ]),
    promql_functions: Object.fromEntries(functions),
    promql_operators: Object.fromEntries(languageOperators.map((name) => [name, !isExperimental(name)])),
  };
}
