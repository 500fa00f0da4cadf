import { labelsKey, type Labels } from "../model/index.ts";
import { addRow, cellKinds, createBlock, setFloat, setHistogram, type Block } from "./block.ts";
import { operateOnElements, type OperationNote, type Sample } from "./element-operation.ts";
import { executionError } from "./execution-error.ts";
import { formatLabels } from "./label-edit.ts";
import { matchingLabels, type MatchGroups } from "./match-groups.ts";
import { addNotes, resultLabels, sampleAt } from "./match-result.ts";
import type { BinaryPlan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";

function hasSampleAt(block: Block, step: number): boolean {
  for (let row = 0; row < block.labels.length; row += 1) {
    if (block.kinds[row * block.stepCount + step] !== cellKinds.none) return true;
  }
  return false;
}

/** Pairs samples step by step, for vectors whose series have different partners, or none, or several, over time. */
export function matchByStep(
  state: QueryState,
  plan: BinaryPlan,
  { left, right, groups }: { readonly left: Block; readonly right: Block; readonly groups: MatchGroups },
): Block {
  const { operator, matching, returnBool } = plan;
  const { stepCount } = left;
  const isSwapped = matching.cardinality === "one-to-many";
  const isOneToOne = matching.cardinality === "one-to-one";
  const many = isSwapped ? right : left;
  const one = isSwapped ? left : right;
  const manyGroups = isSwapped ? groups.right : groups.left;
  const oneGroups = isSwapped ? groups.left : groups.right;
  // Prometheus does not turn the fill values round with the sides.
  const fillMany = matching.fillLeft;
  const fillOne = matching.fillRight;
  const hasFill = (fillMany ?? fillOne) !== undefined;
  const result = createBlock(stepCount, many.labels.length);
  const rows = new Map<string, number>();
  const labelsOf = matchingLabels(matching);
  // The last note of each step is the one that counts.
  const notes = new Array<OperationNote | undefined>(stepCount);
  // Most series have the same partner at every step.
  const lastPartner = new Int32Array(many.labels.length).fill(-2);
  const lastRow = new Int32Array(many.labels.length);

  function rowFor(manyLabels: Labels, oneLabels: Labels): number {
    const labels = resultLabels(state, plan, manyLabels, oneLabels);
    const key = labelsKey(labels);
    const known = rows.get(key);
    if (known !== undefined) return known;
    const added = addRow(result, labels, returnBool);
    rows.set(key, added);
    return added;
  }

  const partnerOf = new Int32Array(groups.count);
  const partnerStep = new Int32Array(groups.count).fill(-1);
  const matchedStep = new Int32Array(groups.count).fill(-1);
  const matchedRows: Set<number>[] = isOneToOne
    ? []
    : Array.from({ length: groups.count }, () => new Set<number>());

  function operate(
    step: number,
    group: number,
    manySample: Sample,
    oneSample: Sample,
    row: () => number,
  ): void {
    const outcome = isSwapped
      ? operateOnElements(operator, oneSample, manySample)
      : operateOnElements(operator, manySample, oneSample);
    if (outcome.note !== undefined) notes[step] = outcome.note;
    if (outcome.kind === "none") return;
    const target = row();
    if (isOneToOne) {
      if (matchedStep[group] === step) {
        throw executionError(
          "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
        );
      }
    } else {
      const seen = matchedRows[group]!;
      if (matchedStep[group] !== step) seen.clear();
      if (seen.has(target)) {
        throw executionError("multiple matches for labels: grouping labels must ensure unique matches");
      }
      seen.add(target);
    }
    matchedStep[group] = step;
    if (!outcome.keeps && !returnBool) return;
    const cell = target * stepCount + step;
    if (result.kinds[cell] !== cellKinds.none) {
      throw executionError("vector cannot contain metrics with the same labelset");
    }
    if (returnBool) setFloat(result, cell, outcome.keeps ? 1 : 0);
    else if (typeof outcome.value === "number") setFloat(result, cell, outcome.value);
    else setHistogram(result, cell, outcome.value);
  }

  function findPartners(step: number): void {
    for (const [row, group] of oneGroups.entries()) {
      if (one.kinds[row * stepCount + step] === cellKinds.none) continue;
      if (partnerStep[group] === step) {
        const labels = one.labels[row]!;
        const other = one.labels[partnerOf[group]!]!;
        throw executionError(
          `found duplicate series for the match group ${formatLabels(labelsOf(labels))}` +
            ` on the ${isSwapped ? "left" : "right"} hand-side of the operation:` +
            ` [${formatLabels(labels)}, ${formatLabels(other)}]` +
            ";many-to-many matching not allowed: matching labels must be unique on one side",
        );
      }
      partnerStep[group] = step;
      partnerOf[group] = row;
    }
  }

  for (let step = 0; step < stepCount; step += 1) {
    state.checkpoint();
    // With nothing on one side there is nothing to find fault with either.
    if (!hasFill && (!hasSampleAt(many, step) || !hasSampleAt(one, step))) continue;
    findPartners(step);
    for (const [row, group] of manyGroups.entries()) {
      const cell = row * stepCount + step;
      if (many.kinds[cell] === cellKinds.none) continue;
      const hasPartner = partnerStep[group] === step;
      if (!hasPartner && fillOne === undefined) continue;
      const partner = hasPartner ? partnerOf[group]! : -1;
      const oneSample = hasPartner ? sampleAt(one, partner * stepCount + step) : fillOne!;
      operate(step, group, sampleAt(many, cell), oneSample, () => {
        if (lastPartner[row] !== partner) {
          const manyLabels = many.labels[row]!;
          lastRow[row] = rowFor(manyLabels, hasPartner ? one.labels[partner]! : labelsOf(manyLabels));
          lastPartner[row] = partner;
        }
        return lastRow[row]!;
      });
    }
    if (fillMany === undefined) continue;
    for (const [row, group] of oneGroups.entries()) {
      const cell = row * stepCount + step;
      if (one.kinds[cell] === cellKinds.none || matchedStep[group] === step) continue;
      const labels = one.labels[row]!;
      operate(step, group, fillMany, sampleAt(one, cell), () => rowFor(labelsOf(labels), labels));
    }
  }
  addNotes(state, plan, notes);
  return result;
}
