/** The experimental parts of PromQL that may be turned on, by the names that Prometheus' `--enable-feature` has for them. */
export const languageFeatureNames = [
  "promql-binop-fill-modifiers",
  "promql-delayed-name-removal",
  "promql-experimental-functions",
  "promql-extended-range-selectors",
  "use-start-timestamps",
] as const;

export type LanguageFeature = (typeof languageFeatureNames)[number];
