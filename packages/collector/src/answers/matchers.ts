import { inParameter, ParameterError, parametersNamed, type Parameters } from "../api/index.ts";
import { compileMatcher, type Matcher } from "../model/index.ts";
import { parseExpression } from "../promql/index.ts";

/** The selectors of `match[]`, each a plain one with a condition that not every series meets by lacking a label. @throws ParameterError */
export function selectorsOf(parameters: Parameters): readonly (readonly Matcher[])[] {
  return parametersNamed(parameters, "match[]").map((text) => {
    const matchers = inParameter("match[]", () => matchersOf(text));
    // A regular expression is compiled outside the parser: what RE2 refuses is a wrong parameter too.
    const isEmpty = inParameter("match[]", () => matchers.every((matcher) => compileMatcher(matcher)("")));
    if (isEmpty) throw new ParameterError("match[]", "match[] must contain at least one non-empty matcher");
    return matchers;
  });
}

function matchersOf(text: string): readonly Matcher[] {
  const { root } = parseExpression(text);
  if (root.kind !== "vector selector" || root.offset !== undefined || root.at !== undefined)
    throw new ParameterError("match[]", `${JSON.stringify(text)} is no series selector`);
  return root.matchers;
}
