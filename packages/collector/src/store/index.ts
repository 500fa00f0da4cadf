export {
  createHead,
  type HeadSettings,
  type HeadWriter,
  type IngestResult,
  type RefusalReason,
} from "./head-writer.ts";
export { openHeadReader, type HeadReader } from "./head-reader.ts";
export {
  announceBlocks,
  blockRangeMs,
  compactBlocks,
  createBlocksHandle,
  deleteOldBlocks,
  listBlocks,
  listDamaged,
  openStoreReader,
  refuseNewerBlocks,
  removeLeftovers,
  restoreSnapshot,
  snapshotSizeBytes,
  writeHeadBlock,
  writeSnapshot,
  type BlockFacts,
  type BlockRetention,
  type BlocksHandle,
} from "./block/index.ts";
export type { HeadHandle } from "./layout.ts";
