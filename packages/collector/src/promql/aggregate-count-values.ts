import { labelsKey } from "../model/index.ts";
import { groupLabels } from "./aggregate-groups.ts";
import { addRow, cellKinds, createBlock, setFloat, type Block, type Steps } from "./block.ts";
import { evaluateString, evaluateVector } from "./value.ts";
import { formatHistogram } from "./histogram/format.ts";
import { formatPlain } from "./format-value.ts";
import { withLabel } from "./label-edit.ts";
import type { AggregationPlan } from "./plan.ts";
import { executionError } from "./execution-error.ts";
import type { QueryState } from "./query-state.ts";

/** count_values: how many series of a group have each value, which becomes a label. */
export function countValues(state: QueryState, plan: AggregationPlan, steps: Steps): Block {
  const name = evaluateString(state, plan.parameter!, steps);
  if (name === "") throw executionError('invalid label name ""');
  const input = evaluateVector(state, plan.inner, steps);
  const { stepCount } = input;
  const labelsOf = groupLabels(plan.without ? plan.grouping : [...plan.grouping, name], plan.without);
  const result = createBlock(stepCount, input.labels.length);
  const rows = new Map<string, number>();
  for (const [inputRow, labels] of input.labels.entries()) {
    state.checkpoint();
    for (let step = 0; step < stepCount; step += 1) {
      const cell = inputRow * stepCount + step;
      const kind = input.kinds[cell];
      if (kind === cellKinds.none) continue;
      const text =
        kind === cellKinds.float
          ? formatPlain(input.values[cell]!)
          : formatHistogram(input.histograms!.get(cell)!);
      const grouped = labelsOf(withLabel(labels, name, text));
      const key = labelsKey(grouped);
      let row = rows.get(key);
      if (row === undefined) {
        row = addRow(result, grouped, false);
        rows.set(key, row);
      }
      const target = row * stepCount + step;
      setFloat(result, target, (result.kinds[target] === cellKinds.none ? 0 : result.values[target]!) + 1);
    }
  }
  return result;
}
