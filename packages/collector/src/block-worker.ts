import { parentPort, workerData } from "node:worker_threads";
import { createBlockWork } from "./block-work.ts";
import { openHeadReader, type HeadHandle } from "./store/index.ts";
import { giveWay, serveCalls } from "./thread.ts";

/** What the evaluating thread hands over. */
export interface BlockWorkerData {
  readonly head: HeadHandle;
  readonly dir: string;
}

const { head, dir } = workerData as BlockWorkerData;
giveWay();
serveCalls(parentPort!, { ...createBlockWork(openHeadReader(head), dir) });
