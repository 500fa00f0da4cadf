import { labelsKey } from "../model/index.ts";
import type { SetOperator, VectorMatching } from "./ast.ts";
import { addRow, cellKinds, copyCell, createBlock, withoutEmptyRows, type Block } from "./block.ts";
import { groupByMatching } from "./match-groups.ts";
import { executionError } from "./execution-error.ts";

/** Where each match group has a sample: 1 at group · stepCount + step. */
function presence(block: Block, groups: Int32Array, groupCount: number): Uint8Array {
  const { stepCount, kinds } = block;
  const present = new Uint8Array(groupCount * stepCount);
  for (const [row, group] of groups.entries()) {
    for (let step = 0; step < stepCount; step += 1) {
      if (kinds[row * stepCount + step] !== cellKinds.none) present[group * stepCount + step] = 1;
    }
  }
  return present;
}

/** The rows of `block` where the other side's match group has (or has not) a sample. */
function copyWhere(
  from: Block,
  { groups, present, wanted }: { groups: Int32Array; present: Uint8Array; wanted: 0 | 1 },
  rowOf: (row: number) => number,
  to: Block,
): void {
  const { stepCount } = from;
  for (const [row, group] of groups.entries()) {
    let base = -1;
    for (let step = 0; step < stepCount; step += 1) {
      const cell = row * stepCount + step;
      if (from.kinds[cell] === cellKinds.none || present[group * stepCount + step] !== wanted) continue;
      if (base < 0) base = rowOf(row) * stepCount;
      if (to.kinds[base + step] !== cellKinds.none) {
        throw executionError("vector cannot contain metrics with the same labelset");
      }
      copyCell(from, cell, to, base + step);
    }
  }
}

/** `and`, `or`, `unless`: which series stay depends on the match groups that the other side has at the same step. */
export function combineSets(
  operator: SetOperator,
  matching: VectorMatching,
  allLeft: Block,
  right: Block,
): Block {
  // A series without a sample has no say in what becomes of the name of its namesake on the right.
  const left = withoutEmptyRows(allLeft);
  const groups = groupByMatching(matching, left.labels, right.labels);
  if (operator !== "or") {
    const present = presence(right, groups.right, groups.count);
    const result = createBlock(left.stepCount, left.labels.length);
    const rowOf = (row: number): number => addRow(result, left.labels[row]!, left.dropsName[row]!);
    copyWhere(left, { groups: groups.left, present, wanted: operator === "and" ? 1 : 0 }, rowOf, result);
    return result;
  }
  const result = createBlock(left.stepCount, left.labels.length + right.labels.length);
  const rows = new Map<string, number>();
  for (const [row, labels] of left.labels.entries()) {
    const base = addRow(result, labels, left.dropsName[row]!) * left.stepCount;
    rows.set(labelsKey(labels), base / Math.max(left.stepCount, 1));
    for (let step = 0; step < left.stepCount; step += 1) {
      copyCell(left, row * left.stepCount + step, result, base + step);
    }
  }
  const rowOf = (row: number): number => {
    const labels = right.labels[row]!;
    const key = labelsKey(labels);
    const known = rows.get(key);
    if (known !== undefined) return known;
    const added = addRow(result, labels, right.dropsName[row]!);
    rows.set(key, added);
    return added;
  };
  const present = presence(left, groups.left, groups.count);
  copyWhere(right, { groups: groups.right, present, wanted: 0 }, rowOf, result);
  return withoutEmptyRows(result);
}
