import type { ListValue, Value } from "./value.ts";

/** What a parameter accepts; "any" is Go's interface {}. */
export type ParameterType = "any" | "string" | "sample" | "list";

/** What functions may ask of the outside. */
export interface FunctionContext {
  /** When the rule is evaluated. */
  readonly nowMs: number;
  readonly externalUrl: string;
  /** Runs a query at `nowMs`. @throws TemplateProblem with the message to show. */
  query(expression: string): ListValue;
}

export interface TemplateFunction {
  readonly params: readonly ParameterType[];
  /** Type of any further arguments; absent: there are none. */
  readonly rest?: ParameterType;
  /** Arguments are checked against `params` and `rest` already. @throws TemplateProblem */
  call(args: readonly Value[], context: FunctionContext): Value;
}

/** Go's url.QueryEscape. */
export function goQueryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}
