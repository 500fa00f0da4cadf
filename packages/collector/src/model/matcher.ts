import { compileWholeExpression } from "./expression.ts";
import { compileWildcards } from "./wildcard-expression.ts";

export type MatchOperator = "=" | "!=" | "=~" | "!~";

/** One condition on a label. A label that a series lacks has the value "". */
export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
}

/**
 * A test of one label value.
 * Regular expressions are RE2, fully anchored and linear in time, as in Prometheus.
 * @throws CollectorError QUARTET_REGEX_INVALID when RE2 refuses the expression.
 */
export function compileMatcher(matcher: Matcher): (value: string) => boolean {
  const { operator, value: wanted } = matcher;
  switch (operator) {
    case "=":
      return (value) => value === wanted;
    case "!=":
      return (value) => value !== wanted;
    case "=~":
      return compileAnchored(wanted);
    case "!~": {
      const matches = compileAnchored(wanted);
      return (value) => !matches(value);
    }
  }
}

function compileAnchored(expression: string): (value: string) => boolean {
  // The commonest expressions are "a|b|c" and ".*"; neither needs an automaton.
  if (/^[\w|:/ -]+$/.test(expression)) {
    const alternatives = new Set(expression.split("|"));
    return (value) => alternatives.has(value);
  }
  if (expression === ".+") return (value) => value !== "";
  if (expression === ".*") return () => true;
  const wildcards = compileWildcards(expression);
  if (wildcards !== undefined) return wildcards;
  const pattern = compileWholeExpression(expression);
  return (value) => pattern.matches(value);
}
