import { metricNameLabel, type Labels, type Matcher } from "../../model/index.ts";
import { addRow, cellKinds, createBlock, setFloat, type Block } from "../block.ts";
import { withLabel } from "../label-edit.ts";
import type { Plan } from "../plan.ts";

/** The labels that a selector pins to one value: what can be said of a series that is not there. */
export function absentLabels(plan: Plan): Labels {
  const inner = plan.kind === "constant" ? plan.inner : plan;
  let matchers: readonly Matcher[] = [];
  if (inner.kind === "select") ({ matchers } = inner);
  else if (inner.kind === "range") ({ matchers } = inner.select);
  let labels: Labels = [];
  const seen = new Set<string>();
  for (const { name, operator, value } of matchers) {
    if (name === metricNameLabel) continue;
    const isPinned = operator === "=" && !seen.has(name);
    labels = withLabel(labels, name, isPinned ? value : "");
    if (isPinned) seen.add(name);
  }
  return labels;
}

/** absent: 1 at every step where the vector is empty. */
export function absentFrom(plan: Plan, input: Block): Block {
  const { stepCount } = input;
  const block = createBlock(stepCount, 1);
  let row = -1;
  for (let step = 0; step < stepCount; step += 1) {
    let isPresent = false;
    for (let other = 0; other < input.labels.length && !isPresent; other += 1) {
      isPresent = input.kinds[other * stepCount + step] !== cellKinds.none;
    }
    if (isPresent) continue;
    if (row < 0) row = addRow(block, absentLabels(plan), false);
    setFloat(block, row * stepCount + step, 1);
  }
  return block;
}
