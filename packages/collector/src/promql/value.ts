import type { Block, Steps } from "./block.ts";
import type { Plan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";

/** What a node gives: a number for each step, an instant vector for each step, or a text. */
export type Value =
  | { readonly kind: "scalar"; readonly values: Float64Array }
  | { readonly kind: "vector"; readonly block: Block }
  | { readonly kind: "string"; readonly value: string };

/** The instant vector of a node whose type says that it is one. */
export function evaluateVector(state: QueryState, plan: Plan, steps: Steps): Block {
  const value = state.evaluate(plan, steps);
  if (value.kind !== "vector") throw new Error(`a vector was expected, not a ${value.kind}`);
  return value.block;
}

/** The numbers of a node whose type says that it is a scalar. */
export function evaluateScalar(state: QueryState, plan: Plan, steps: Steps): Float64Array {
  const value = state.evaluate(plan, steps);
  if (value.kind !== "scalar") throw new Error(`a scalar was expected, not a ${value.kind}`);
  return value.values;
}

/** The text of a node whose type says that it is a string. */
export function evaluateString(state: QueryState, plan: Plan, steps: Steps): string {
  const value = state.evaluate(plan, steps);
  if (value.kind !== "string") throw new Error(`a string was expected, not a ${value.kind}`);
  return value.value;
}
