import {
  blockBytes,
  blockFormat,
  blockInts,
  blockIsUnpackable,
  blockLength,
  blockNext,
  growTo,
  type HeadViews,
} from "./layout.ts";

/** Gives out and takes back the blocks of the arena; only the writer has one. */
export interface Arena {
  /** A cleared block of that format, or 0 when the arena is full. */
  allocate(format: number): number;
  /** Takes a block back that no chain leads to any more. Readers that still look at it notice by the slot's version. */
  release(block: number): void;
  readonly usedBytes: number;
}

export function createArena(views: HeadViews): Arena {
  const free: number[] = [];
  let end = 1;
  return {
    get usedBytes() {
      return (end - 1 - free.length) * blockBytes;
    },
    allocate(format) {
      let block = free.pop();
      if (block === undefined) {
        if (!growTo(views.handle.arena, (end + 1) * blockBytes)) return 0;
        views.refresh();
        block = end;
        end += 1;
      }
      const base = block * blockInts;
      Atomics.store(views.ints, base + blockLength, 0);
      Atomics.store(views.ints, base + blockNext, 0);
      Atomics.store(views.ints, base + blockFormat, format);
      Atomics.store(views.ints, base + blockIsUnpackable, 0);
      return block;
    },
    release(block) {
      free.push(block);
    },
  };
}
