import { groupRows, noteIgnored } from "./aggregate-groups.ts";
import { aggregateSums } from "./aggregate-sum.ts";
import { selectFromGroups } from "./aggregate-select.ts";
import { countValues } from "./aggregate-count-values.ts";
import { cellKinds, createBlock, setFloat, withoutEmptyRows, type Block, type Steps } from "./block.ts";
import { evaluateScalar, evaluateVector } from "./value.ts";
import { invalidQuantile } from "./functions/over-time.ts";
import type { AggregationPlan } from "./plan.ts";
import { quantileOf } from "./quantile.ts";
import type { QueryState } from "./query-state.ts";

type Fold = (result: Block, group: number, value: number, isFirst: boolean) => void;

const folds: Readonly<Record<"min" | "max" | "count" | "group", Fold>> = {
  count: (result, cell, _value, isFirst) => setFloat(result, cell, isFirst ? 1 : result.values[cell]! + 1),
  group: (result, cell) => setFloat(result, cell, 1),
  min: (result, cell, value, isFirst) => {
    const best = result.values[cell]!;
    if (isFirst || best > value || best !== best) setFloat(result, cell, value);
  },
  max: (result, cell, value, isFirst) => {
    const best = result.values[cell]!;
    if (isFirst || best < value || best !== best) setFloat(result, cell, value);
  },
};

function fold(state: QueryState, plan: AggregationPlan, input: Block, operator: keyof typeof folds): Block {
  const { stepCount } = input;
  const result = createBlock(stepCount, input.labels.length);
  const { ofRow } = groupRows(plan, input, result);
  const apply = folds[operator];
  const takesHistograms = operator === "count" || operator === "group";
  for (const [row, group] of ofRow.entries()) {
    state.checkpoint();
    for (let step = 0; step < stepCount; step += 1) {
      const cell = row * stepCount + step;
      const kind = input.kinds[cell];
      if (kind === cellKinds.none) continue;
      if (kind === cellKinds.histogram && !takesHistograms) {
        noteIgnored(state, plan);
        continue;
      }
      const target = group * stepCount + step;
      apply(result, target, input.values[cell]!, result.kinds[target] === cellKinds.none);
    }
  }
  return result;
}

function spread(state: QueryState, plan: AggregationPlan, input: Block): Block {
  const { stepCount } = input;
  const result = createBlock(stepCount, input.labels.length);
  const { ofRow, count } = groupRows(plan, input, result);
  const counts = new Float64Array(count * stepCount);
  const means = new Float64Array(count * stepCount);
  for (const [row, group] of ofRow.entries()) {
    state.checkpoint();
    for (let step = 0; step < stepCount; step += 1) {
      const cell = row * stepCount + step;
      if (input.kinds[cell] === cellKinds.none) continue;
      if (input.kinds[cell] === cellKinds.histogram) {
        noteIgnored(state, plan);
        continue;
      }
      const value = input.values[cell]!;
      const target = group * stepCount + step;
      const delta = value - means[target]!;
      counts[target]! += 1;
      means[target]! += delta / counts[target]!;
      const squares = result.values[target]!;
      // The first value has no distance to itself, unless it is not finite.
      setFloat(
        result,
        target,
        counts[target] === 1 ? value - value : squares + delta * (value - means[target]!),
      );
    }
  }
  for (let cell = 0; cell < counts.length; cell += 1) {
    if (result.kinds[cell] === cellKinds.none) continue;
    const variance = result.values[cell]! / counts[cell]!;
    result.values[cell] = plan.operator === "stddev" ? Math.sqrt(variance) : variance;
  }
  return result;
}

function quantiles(state: QueryState, plan: AggregationPlan, input: Block, q: Float64Array): Block {
  const { stepCount } = input;
  for (const value of new Set(q)) {
    if (!(value >= 0 && value <= 1)) state.annotations.warn(invalidQuantile(value), plan.parameter!.span);
  }
  const result = createBlock(stepCount, input.labels.length);
  const { ofRow, count } = groupRows(plan, input, result);
  const members: number[][] = Array.from({ length: count }, () => []);
  for (const [row, group] of ofRow.entries()) members[group]!.push(row);
  for (const [group, rows] of members.entries()) {
    state.checkpoint();
    const values = new Float64Array(rows.length);
    for (let step = 0; step < stepCount; step += 1) {
      let size = 0;
      for (const row of rows) {
        const cell = row * stepCount + step;
        if (input.kinds[cell] === cellKinds.float) values[size++] = input.values[cell]!;
        else if (input.kinds[cell] === cellKinds.histogram) noteIgnored(state, plan);
      }
      if (size > 0)
        setFloat(result, group * stepCount + step, quantileOf(q[step]!, values.subarray(0, size)));
    }
  }
  return result;
}

/** An aggregation over the series of a vector, at every step. */
export function evaluateAggregation(state: QueryState, plan: AggregationPlan, steps: Steps): Block {
  const { operator, parameter } = plan;
  const scalar = (): Float64Array => evaluateScalar(state, parameter!, steps);
  switch (operator) {
    case "sum":
    case "avg":
      return withoutEmptyRows(aggregateSums(state, plan, evaluateVector(state, plan.inner, steps)));
    case "count":
    case "group":
    case "min":
    case "max":
      return withoutEmptyRows(fold(state, plan, evaluateVector(state, plan.inner, steps), operator));
    case "stddev":
    case "stdvar":
      return withoutEmptyRows(spread(state, plan, evaluateVector(state, plan.inner, steps)));
    case "quantile": {
      const q = scalar();
      return withoutEmptyRows(quantiles(state, plan, evaluateVector(state, plan.inner, steps), q));
    }
    case "count_values":
      return countValues(state, plan, steps);
    case "topk":
    case "bottomk":
    case "limitk":
    case "limit_ratio": {
      const k = scalar();
      return selectFromGroups(state, plan, evaluateVector(state, plan.inner, steps), k);
    }
  }
}
