import { labelsKey } from "../model/index.ts";
import { addRow, cellKinds, createBlock, setFloat, setHistogram, type Block } from "./block.ts";
import { operateOnElements, type OperationNote } from "./element-operation.ts";
import { createFloatOperation } from "./float-operation.ts";
import { matchByStep } from "./match-by-step.ts";
import { groupByMatching } from "./match-groups.ts";
import { addNotes, resultLabels, sampleAt } from "./match-result.ts";
import type { BinaryPlan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";

interface Pair {
  /** Rows of the left and the right side. */
  readonly left: number;
  readonly right: number;
  readonly result: number;
}

/** One series on the side given for each group; undefined when a group has several. */
function onlyRows(groups: Int32Array, count: number): Int32Array | undefined {
  const rows = new Int32Array(count).fill(-1);
  for (const [row, group] of groups.entries()) {
    if (rows[group] !== -1) return undefined;
    rows[group] = row;
  }
  return rows;
}

/** Whether every sample of the vectors can only ever have one partner and one result; then these pairs, else undefined. */
function fixedPairs(
  state: QueryState,
  plan: BinaryPlan,
  { left, right, result }: { readonly left: Block; readonly right: Block; readonly result: Block },
  groups: ReturnType<typeof groupByMatching>,
): readonly Pair[] | undefined {
  const { cardinality, fillLeft, fillRight } = plan.matching;
  if ((fillLeft ?? fillRight) !== undefined) return undefined;
  const isSwapped = cardinality === "one-to-many";
  const manyGroups = isSwapped ? groups.right : groups.left;
  const oneRows = onlyRows(isSwapped ? groups.left : groups.right, groups.count);
  if (oneRows === undefined) return undefined;
  if (cardinality === "one-to-one" && onlyRows(manyGroups, groups.count) === undefined) return undefined;
  const many = isSwapped ? right : left;
  const one = isSwapped ? left : right;
  const seen = new Set<string>();
  const pairs: Pair[] = [];
  for (const [row, group] of manyGroups.entries()) {
    const partner = oneRows[group]!;
    if (partner < 0) continue;
    const labels = resultLabels(state, plan, many.labels[row]!, one.labels[partner]!);
    const key = labelsKey(labels);
    if (seen.has(key)) return undefined;
    seen.add(key);
    const target = addRow(result, labels, plan.returnBool);
    pairs.push(
      isSwapped
        ? { left: partner, right: row, result: target }
        : { left: row, right: partner, result: target },
    );
  }
  return pairs;
}

/** Arithmetic, comparison and trimming between two vectors: each sample with its partner of the same match group. */
export function matchVectors(state: QueryState, plan: BinaryPlan, left: Block, right: Block): Block {
  const { operator, matching, returnBool } = plan;
  const { stepCount } = left;
  const groups = groupByMatching(matching, left.labels, right.labels);
  const result = createBlock(stepCount, Math.min(left.labels.length, right.labels.length));
  const pairs = fixedPairs(state, plan, { left, right, result }, groups);
  if (pairs === undefined) return matchByStep(state, plan, { left, right, groups });
  const operate = createFloatOperation(operator, returnBool);
  const notes = new Array<OperationNote | undefined>(stepCount);
  for (const pair of pairs) {
    state.checkpoint();
    for (let step = 0; step < stepCount; step += 1) {
      const leftCell = pair.left * stepCount + step;
      const rightCell = pair.right * stepCount + step;
      const leftKind = left.kinds[leftCell];
      const rightKind = right.kinds[rightCell];
      if (leftKind === cellKinds.none || rightKind === cellKinds.none) continue;
      const cell = pair.result * stepCount + step;
      if (leftKind === cellKinds.float && rightKind === cellKinds.float && operate !== undefined) {
        const value = operate(left.values[leftCell]!, right.values[rightCell]!);
        if (value !== undefined) setFloat(result, cell, value);
        continue;
      }
      const outcome = operateOnElements(operator, sampleAt(left, leftCell), sampleAt(right, rightCell));
      if (outcome.note !== undefined) notes[step] = outcome.note;
      if (outcome.kind === "none" || (!outcome.keeps && !returnBool)) continue;
      if (returnBool) setFloat(result, cell, outcome.keeps ? 1 : 0);
      else if (typeof outcome.value === "number") setFloat(result, cell, outcome.value);
      else setHistogram(result, cell, outcome.value);
    }
  }
  addNotes(state, plan, notes);
  return result;
}
