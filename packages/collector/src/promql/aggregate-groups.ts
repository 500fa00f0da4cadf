import { metricNameLabel, type Labels } from "../model/index.ts";
import { addRow, type Block } from "./block.ts";
import { createNumbering, onlyLabels, withoutLabels } from "./label-edit.ts";
import type { AggregationPlan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";

/** Which group each series of an aggregation belongs to, worked out once for all steps. */
export interface Groups {
  readonly ofRow: Int32Array;
  readonly count: number;
}

/** The labels that a group has, of any of its series. */
export function groupLabels(grouping: readonly string[], without: boolean): (labels: Labels) => Labels {
  const names = new Set(without ? [...grouping, metricNameLabel] : grouping);
  return without ? (labels) => withoutLabels(labels, names) : (labels) => onlyLabels(labels, names);
}

/** Numbers the groups, and gives `result` a row for each. */
export function groupRows(plan: AggregationPlan, input: Block, result: Block | undefined): Groups {
  const keyOf = groupLabels(plan.grouping, plan.without);
  const numbering = createNumbering();
  const ofRow = new Int32Array(input.labels.length);
  for (const [row, labels] of input.labels.entries()) {
    const groupedBy = keyOf(labels);
    const known = numbering.size();
    const group = numbering.of(groupedBy);
    ofRow[row] = group;
    if (result === undefined) continue;
    if (group === known) addRow(result, groupedBy, input.dropsName[row]!);
    else if (input.dropsName[row]!) result.dropsName[group] = true;
  }
  return { ofRow, count: numbering.size() };
}

/** Says that the aggregation left histograms out. */
export function noteIgnored(state: QueryState, plan: AggregationPlan): void {
  state.annotations.info(`ignored histogram in ${plan.operator} aggregation`, plan.inner.span);
}
