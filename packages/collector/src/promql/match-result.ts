import { labelValue, type Labels } from "../model/index.ts";
import { cellKinds, type Block } from "./block.ts";
import type { OperationNote, Sample } from "./element-operation.ts";
import { isArithmetic } from "./float-operation.ts";
import { onlyLabels, withLabel, withoutLabels, withoutName } from "./label-edit.ts";
import type { BinaryPlan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";

/** The labels of a result, of the series on the "many" side and the one on the "one" side. */
export function resultLabels(
  state: QueryState,
  { operator, matching, returnBool }: BinaryPlan,
  many: Labels,
  one: Labels,
): Labels {
  const dropsNow = isArithmetic(operator) || (returnBool && !state.delayedNameRemoval);
  let labels = dropsNow ? withoutName(many) : many;
  if (matching.cardinality === "one-to-one") {
    const names = new Set(matching.labels);
    labels = matching.on ? onlyLabels(labels, names) : withoutLabels(labels, names);
  }
  for (const name of matching.include) labels = withLabel(labels, name, labelValue(one, name));
  return labels;
}

export const sampleAt = (block: Block, cell: number): Sample =>
  block.kinds[cell] === cellKinds.float ? block.values[cell]! : block.histograms!.get(cell)!;

/** Says what there was to say; of each step only the last note counts. */
export function addNotes(
  state: QueryState,
  plan: BinaryPlan,
  notes: readonly (OperationNote | undefined)[],
): void {
  for (const note of notes) {
    if (note === undefined) continue;
    if (note.level === "warning") state.annotations.warn(note.message, plan.span);
    else state.annotations.info(note.message, plan.span);
  }
}
