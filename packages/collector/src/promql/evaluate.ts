import { scaleHistogram } from "../model/index.ts";
import type { Steps } from "./block.ts";
import { addRow, cellKinds, copyCell, countCells, createBlock } from "./block.ts";
import { evaluateAggregation } from "./aggregate.ts";
import { evaluateBinary } from "./binary.ts";
import { evaluateCall } from "./call.ts";
import { settleNamesOfSeries } from "./names.ts";
import { planType, type Plan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";
import { evaluateSelect } from "./select.ts";
import { evaluateSmoothed } from "./smoothed-select.ts";
import type { Value } from "./value.ts";

function repeatSteps(value: Value, count: number): Value {
  if (value.kind === "string") return value;
  if (value.kind === "scalar")
    return { kind: "scalar", values: new Float64Array(count).fill(value.values[0]!) };
  const { block } = value;
  const repeated = createBlock(count, block.labels.length);
  for (let row = 0; row < block.labels.length; row += 1) {
    const base = addRow(repeated, block.labels[row]!, block.dropsName[row]!) * count;
    for (let step = 0; step < count; step += 1) copyCell(block, row, repeated, base + step);
  }
  return { kind: "vector", block: repeated };
}

function negate(state: QueryState, value: Value): Value {
  if (value.kind === "string") return value;
  if (value.kind === "scalar") return { kind: "scalar", values: value.values.map((number) => -number) };
  const { block } = value;
  const end = block.labels.length * block.stepCount;
  for (let cell = 0; cell < end; cell += 1) {
    if (block.kinds[cell] === cellKinds.float) block.values[cell] = -block.values[cell]!;
  }
  for (const [cell, histogram] of block.histograms ?? [])
    block.histograms!.set(cell, scaleHistogram(histogram, -1));
  block.dropsName.fill(true);
  return { kind: "vector", block: settleNamesOfSeries(state, block) };
}

function evaluateNode(state: QueryState, plan: Plan, steps: Steps): Value {
  switch (plan.kind) {
    case "number":
      return { kind: "scalar", values: new Float64Array(steps.count).fill(plan.value) };
    case "string":
      return { kind: "string", value: plan.value };
    case "select":
      return {
        kind: "vector",
        block:
          plan.extension === "smoothed"
            ? evaluateSmoothed(state, plan, steps)
            : evaluateSelect(state, plan, steps),
      };
    case "constant":
      return repeatSteps(evaluate(state, plan.inner, { ...steps, count: 1, isInstant: true }), steps.count);
    case "unary": {
      const value = evaluate(state, plan.inner, steps);
      return plan.operator === "-" ? negate(state, value) : value;
    }
    case "call":
      return evaluateCall(state, plan, steps);
    case "aggregation":
      return { kind: "vector", block: evaluateAggregation(state, plan, steps) };
    case "binary":
      return evaluateBinary(state, plan, steps);
    case "range":
    case "subquery":
      throw new Error("a range is evaluated by the function that takes it");
  }
}

/** The value of a node at every step. What it holds beyond its result is given back. */
export function evaluate(state: QueryState, plan: Plan, steps: Steps): Value {
  state.checkpoint();
  // A grid without points, as of a subquery shorter than its step, asks for nothing at all.
  if (steps.count === 0 && plan.kind !== "string") {
    return planType(plan) === "scalar"
      ? { kind: "scalar", values: new Float64Array(0) }
      : { kind: "vector", block: createBlock(0, 0) };
  }
  const heldBefore = state.heldSamples();
  const value = evaluateNode(state, plan, steps);
  state.hold(heldBefore - state.heldSamples());
  if (value.kind === "vector") state.hold(countCells(value.block));
  return value;
}
