export {
  createHead,
  type HeadSettings,
  type HeadWriter,
  type IngestResult,
  type RefusalReason,
} from "./head-writer.ts";
export { openHeadReader } from "./head-reader.ts";
export type { HeadHandle } from "./layout.ts";
