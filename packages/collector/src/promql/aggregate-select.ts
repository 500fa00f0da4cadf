import { groupRows, noteIgnored } from "./aggregate-groups.ts";
import { addRow, cellKinds, copyCell, createBlock, type Block } from "./block.ts";
import { formatShort } from "./annotations.ts";
import { sampleOffset } from "./label-hash.ts";
import { createTopHeap } from "./top-heap.ts";
import type { AggregationPlan } from "./plan.ts";
import { executionError } from "./execution-error.ts";
import type { QueryState } from "./query-state.ts";

/** Checks the parameter over all steps; false when nothing can be selected at any. */
function checkParameter(state: QueryState, plan: AggregationPlan, parameter: Float64Array): boolean {
  const max = parameter.reduce((best, value) => Math.max(best, value), -Number.MAX_VALUE);
  const min = parameter.reduce((best, value) => Math.min(best, value), Number.MAX_VALUE);
  const hasNaN = parameter.some((value) => value !== value);
  if (plan.operator === "limit_ratio") {
    if (max === 0 && min === 0) return false;
    if (hasNaN) throw executionError("Ratio value is NaN");
    for (const [value, bound] of [
      [max, 1],
      [min, -1],
    ] as const) {
      if (bound === 1 ? value <= 1 : value >= -1) continue;
      state.annotations.warn(
        `ratio value should be between -1 and 1, got ${formatShort(value)}, capping to ${bound}`,
        plan.parameter!.span,
      );
    }
    return true;
  }
  if (max < 1) return false;
  if (hasNaN) throw executionError("Parameter value is NaN");
  // Bounds of int64, in which Prometheus counts.
  if (min <= -(2 ** 63)) throw executionError(`Scalar value ${formatShort(min)} underflows int64`);
  if (max >= 2 ** 63) throw executionError(`Scalar value ${formatShort(max)} overflows int64`);
  return true;
}

type Choose = (input: Block, rows: readonly number[], step: number, parameter: number) => readonly number[];

const chooseFirst: Choose = (_input, rows, _step, k) => rows.slice(0, Math.max(0, Math.trunc(k)));

function createChooseByRatio(input: Block): Choose {
  const offsets = input.labels.map(sampleOffset);
  return (_input, rows, _step, ratio) => {
    const limit = Math.min(1, Math.max(-1, ratio));
    return rows.filter((row) => (limit >= 0 ? offsets[row]! < limit : offsets[row]! >= 1 + limit));
  };
}

function createChooseByValue(isTop: boolean): Choose {
  return (input, rows, step, k) => {
    if (k < 1) return [];
    const heap = createTopHeap(Math.min(Math.trunc(k), rows.length), isTop);
    for (const row of rows) heap.offer(row, input.values[row * input.stepCount + step]!);
    return heap.sorted();
  };
}

/** topk, bottomk, limitk and limit_ratio: some series of each group, with all their labels. */
export function selectFromGroups(
  state: QueryState,
  plan: AggregationPlan,
  input: Block,
  parameter: Float64Array,
): Block {
  const { stepCount } = input;
  const result = createBlock(stepCount, input.labels.length);
  if (stepCount === 0 || !checkParameter(state, plan, parameter)) return result;
  const groups = groupRows(plan, input, undefined);
  const { operator } = plan;
  const isByValue = operator === "topk" || operator === "bottomk";
  let choose = chooseFirst;
  if (operator === "limit_ratio") choose = createChooseByRatio(input);
  else if (isByValue) choose = createChooseByValue(operator === "topk");
  const resultRow = new Int32Array(input.labels.length).fill(-1);
  for (let step = 0; step < stepCount; step += 1) {
    state.checkpoint();
    const members: number[][] = Array.from({ length: groups.count }, () => []);
    for (const [row, group] of groups.ofRow.entries()) {
      const kind = input.kinds[row * stepCount + step];
      if (kind === cellKinds.none) continue;
      if (kind === cellKinds.histogram && isByValue) noteIgnored(state, { ...plan, inner: plan });
      else members[group]!.push(row);
    }
    for (const rows of members) {
      for (const row of choose(input, rows, step, parameter[step]!)) {
        if (resultRow[row]! < 0) resultRow[row] = addRow(result, input.labels[row]!, input.dropsName[row]!);
        copyCell(input, row * stepCount + step, result, resultRow[row]! * stepCount + step);
      }
    }
  }
  return result;
}
