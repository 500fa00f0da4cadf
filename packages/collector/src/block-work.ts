import { compactBlocks, writeHeadBlock, type BlockFacts, type HeadReader } from "./store/index.ts";

/** What is done apart from everybody who waits, as methods for `serveCalls`. */
export interface BlockWork {
  cut(range: { readonly startMs: number; readonly endMs: number }): BlockFacts | undefined;
  compact(params: { readonly rangeMsMax: number }): number;
}

export function createBlockWork(head: HeadReader, dir: string): BlockWork {
  return {
    cut: (range) => writeHeadBlock(head, dir, range),
    compact: ({ rangeMsMax }) => compactBlocks(dir, rangeMsMax),
  };
}
