import { labelValue, metricNameLabel } from "../model/index.ts";
import { mergeEqualRows, type Block } from "./block.ts";
import { withoutName } from "./label-edit.ts";
import type { QueryState } from "./query-state.ts";

/** Takes the names away that are to be dropped, and makes one series of those that are equal then. */
export function dropNames(block: Block, mayMerge?: "at other steps" | "never"): Block {
  const { labels, dropsName } = block;
  let changed = 0;
  let hasOneName = true;
  const firstName = labels.length === 0 ? "" : labelValue(labels[0]!, metricNameLabel);
  for (let row = 0; row < labels.length; row += 1) {
    if (!dropsName[row]!) continue;
    const old = labels[row]!;
    const stripped = withoutName(old);
    if (stripped === old) continue;
    changed += 1;
    // Labels that differed still do when only the one name that all had is gone.
    hasOneName &&= old.length - stripped.length === 2 && labelValue(old, metricNameLabel) === firstName;
    labels[row] = stripped;
  }
  if (changed === 0 || (hasOneName && changed === labels.length)) return block;
  return mergeEqualRows(block, mayMerge);
}

/** Drops names at once, unless the engine keeps them to the end. */
export function settleNames(state: QueryState, block: Block): Block {
  return state.delayedNameRemoval ? block : dropNames(block);
}

/**
 * As `settleNames`, for what Prometheus evaluates series by series: two that become equal are refused even where they
 * have their values at different steps.
 */
export function settleNamesOfSeries(state: QueryState, block: Block): Block {
  return state.delayedNameRemoval ? block : dropNames(block, "never");
}
