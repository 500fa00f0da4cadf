import { parentPort, workerData } from "node:worker_threads";
import {
  compactBlocks,
  openHeadReader,
  writeHeadBlock,
  writeSnapshot,
  type HeadHandle,
} from "./store/index.ts";
import { serveCalls } from "./thread.ts";

/** What the evaluating thread hands over. */
export interface BlockWorkerData {
  readonly head: HeadHandle;
  readonly dir: string;
}

const { head, dir } = workerData as BlockWorkerData;
const reader = openHeadReader(head);

serveCalls(parentPort!, {
  cut: (range: { readonly startMs: number; readonly endMs: number }) => writeHeadBlock(reader, dir, range),
  compact: ({ rangeMsMax }: { readonly rangeMsMax: number }) => compactBlocks(dir, rangeMsMax),
  snapshot: ({ place }: { readonly place: object }) => writeSnapshot(reader, dir, place),
});
