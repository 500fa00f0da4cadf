import {
  compactHistogram,
  labelValue,
  metricNameLabel,
  type NativeHistogram,
  usesCustomBuckets,
} from "../model/index.ts";
import { groupRows, type Groups } from "./aggregate-groups.ts";
import { cellKinds, clearCell, createBlock, setHistogram, type Block } from "./block.ts";
import { aggregateHistograms } from "./histogram/aggregate.ts";
import { noteMixedSchemas, noteReconciled } from "./histogram/notes.ts";
import type { AggregationPlan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";

/** Sums of floats with Neumaier's compensation, and means that cannot overflow, as columns over all groups and steps. */
function sumFloats(state: QueryState, input: Block, groups: Groups, result: Block, isMean: boolean): void {
  const { stepCount } = input;
  const sums = result.values;
  const { kinds } = result;
  const compensations = new Float64Array(groups.count * stepCount);
  const counts = new Float64Array(isMean ? groups.count * stepCount : 0);
  // Cells whose sum would have overflowed hold their mean from then on.
  const isIncremental = new Uint8Array(isMean ? groups.count * stepCount : 0);
  for (const [row, group] of groups.ofRow.entries()) {
    state.checkpoint();
    const from = row * stepCount;
    const to = group * stepCount;
    for (let step = 0; step < stepCount; step += 1) {
      if (input.kinds[from + step] !== cellKinds.float) continue;
      const cell = to + step;
      let value = input.values[from + step]!;
      if (kinds[cell] === cellKinds.none) {
        kinds[cell] = cellKinds.float;
        sums[cell] = value;
        if (isMean) counts[cell] = 1;
        continue;
      }
      if (isMean) {
        counts[cell]! += 1;
        const count = counts[cell]!;
        const sum = sums[cell]!;
        const total = sum + value;
        if (isIncremental[cell] === 0 && (total === Infinity || total === -Infinity)) {
          isIncremental[cell] = 1;
          sums[cell] = sum / (count - 1);
          compensations[cell]! /= count - 1;
        }
        if (isIncremental[cell] === 1) {
          const share = (count - 1) / count;
          sums[cell]! *= share;
          compensations[cell]! *= share;
          value /= count;
        }
      }
      const sum = sums[cell]!;
      const total = sum + value;
      if (total === Infinity || total === -Infinity) compensations[cell] = 0;
      else if (Math.abs(sum) >= Math.abs(value)) compensations[cell]! += sum - total + value;
      else compensations[cell]! += value - total + sum;
      sums[cell] = total;
    }
  }
  for (let cell = 0; cell < compensations.length; cell += 1) {
    if (kinds[cell] !== cellKinds.float) continue;
    const divisor = isMean && isIncremental[cell] === 0 ? counts[cell]! : 1;
    sums[cell] = sums[cell]! / divisor + compensations[cell]! / divisor;
  }
}

interface Member {
  readonly row: number;
  readonly histogram: NativeHistogram;
}

function sumOfHistograms(
  state: QueryState,
  plan: AggregationPlan,
  input: Block,
  members: readonly Member[],
): NativeHistogram | undefined {
  const { span } = plan.inner;
  const aggregated = aggregateHistograms(
    members.map(({ histogram }) => histogram),
    plan.operator === "avg" ? "avg" : "sum",
  );
  if (aggregated.kind === "incompatible") {
    const isCustom = usesCustomBuckets(members[0]!.histogram);
    const odd = members.find(({ histogram }) => usesCustomBuckets(histogram) !== isCustom)!;
    const metric = labelValue(input.labels[odd.row]!, metricNameLabel);
    noteMixedSchemas({ annotations: state.annotations, span, metric });
    return undefined;
  }
  if (aggregated.collides) {
    state.annotations.warn("conflicting counter resets during histogram aggregation", span);
  }
  if (aggregated.isReconciled)
    noteReconciled({ annotations: state.annotations, span, metric: "" }, "aggregation");
  return compactHistogram(aggregated.histogram);
}

function sumHistograms(
  state: QueryState,
  plan: AggregationPlan,
  input: Block,
  groups: Groups,
  result: Block,
): void {
  const { stepCount } = input;
  const byCell = new Map<number, Member[]>();
  for (const [cell, histogram] of [...input.histograms!].sort(([left], [right]) => left - right)) {
    const row = Math.floor(cell / stepCount);
    const target = groups.ofRow[row]! * stepCount + (cell % stepCount);
    const known = byCell.get(target);
    if (known === undefined) byCell.set(target, [{ row, histogram }]);
    else known.push({ row, histogram });
  }
  for (const [cell, members] of byCell) {
    state.checkpoint();
    // The sum is tried even where floats spoil it, as that may have something to say as well.
    const sum = sumOfHistograms(state, plan, input, members);
    if (result.kinds[cell] === cellKinds.float) {
      state.annotations.warn("encountered a mix of histograms and floats for aggregation", plan.inner.span);
      clearCell(result, cell);
    } else if (sum !== undefined) setHistogram(result, cell, sum);
  }
}

/** sum and avg. */
export function aggregateSums(state: QueryState, plan: AggregationPlan, input: Block): Block {
  const result = createBlock(input.stepCount, input.labels.length);
  const groups = groupRows(plan, input, result);
  sumFloats(state, input, groups, result, plan.operator === "avg");
  if (input.histograms !== undefined && input.histograms.size > 0)
    sumHistograms(state, plan, input, groups, result);
  return result;
}
