import { mergeEqualRows, type Block } from "./block.ts";
import { withoutName } from "./label-edit.ts";
import type { QueryState } from "./query-state.ts";

/** Takes the names away that are to be dropped, and makes one series of those that are equal then. */
export function dropNames(block: Block): Block {
  let isChanged = false;
  for (const [row, drops] of block.dropsName.entries()) {
    if (!drops) continue;
    const labels = withoutName(block.labels[row]!);
    isChanged ||= labels !== block.labels[row];
    block.labels[row] = labels;
  }
  return isChanged ? mergeEqualRows(block) : block;
}

/** Drops names at once, unless the engine keeps them to the end. */
export function settleNames(state: QueryState, block: Block): Block {
  return state.delayedNameRemoval ? block : dropNames(block);
}
