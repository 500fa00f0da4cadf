import type { Cursor } from "./cursor.ts";

/** Beyond this many uncommitted records every second checkpoint is given up: a cursor's sums may then lag a little behind. */
const countMax = 65_536;

/** The sums at each record that was read and not yet committed, so that a commit in the middle of a block has its own. */
export interface Checkpoints {
  add(cursor: Cursor): void;
  /** The last checkpoint at or before `offset`; earlier ones are forgotten. */
  take(offset: number): Cursor | undefined;
  clear(): void;
}

export function createCheckpoints(): Checkpoints {
  let kept: Cursor[] = [];
  return {
    add(cursor) {
      if (kept.length >= countMax) kept = kept.filter((_, index) => index % 2 === 1);
      kept.push(cursor);
    },
    take(offset) {
      let count = 0;
      while (count < kept.length && kept[count]!.offset <= offset) count += 1;
      const found = count === 0 ? undefined : kept[count - 1];
      kept.splice(0, count);
      return found;
    },
    clear() {
      kept = [];
    },
  };
}
