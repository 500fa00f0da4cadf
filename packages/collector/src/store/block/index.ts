export { listBlocks, listDamaged, removeLeftovers, type BlockFacts } from "./block-file.ts";
export { announceBlocks, createBlocksHandle, type BlocksHandle } from "./block-set.ts";
export {
  blockRangeMs,
  compactBlocks,
  deleteOldBlocks,
  refuseNewerBlocks,
  writeHeadBlock,
  type BlockRetention,
} from "./maintain.ts";
export { restoreSnapshot, snapshotSizeBytes, writeSnapshot } from "./snapshot.ts";
export { openStoreReader } from "./store-reader.ts";
