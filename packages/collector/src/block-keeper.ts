import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { BlockWorkerData } from "./block-worker.ts";
import type { Clock } from "./model/index.ts";
import type { SeriesStream } from "./series-stream.ts";
import {
  announceBlocks,
  blockRangeMs,
  deleteOldBlocks,
  listBlocks,
  listDamaged,
  type BlockFacts,
  type BlockRetention,
  snapshotSizeBytes,
  writeSnapshot,
  type BlocksHandle,
  type HeadReader,
  type HeadWriter,
} from "./store/index.ts";
import type { Log, Telemetry } from "./telemetry/index.ts";
import { connectThread, workerFile, type Remote } from "./thread.ts";

/** Moves samples from the head to blocks, and looks after those. */
export interface BlockKeeper {
  start(): void;
  /** Resolves when what is under way is done. Safe to call twice. */
  stop(): Promise<void>;
  /** Does what is due at this moment; resolves when it is done. Never rejects: what fails is logged, counted and tried again. */
  look(): Promise<void>;
}

export interface BlockKeeperSettings {
  readonly head: HeadWriter & HeadReader;
  readonly blocks: BlocksHandle;
  readonly stream: Pick<SeriesStream, "place" | "takenBytes" | "settle">;
  readonly retention: BlockRetention;
  /** Of the head. Its samples do not become a block while others may still come between them. */
  readonly outOfOrderWindowMs?: number;
  /**
   * The head is written down when it has taken so many bytes of the stream since the last time, and as many as were written then.
   * Default 64 MiB.
   */
  readonly snapshotBytes?: number;
  /** Runs the work on blocks in a thread of its own, which ends with it, unless said otherwise. */
  readonly apart?: (run: (remote: Remote) => Promise<void>) => Promise<void>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

/** Samples this young stay in the head alone: late ones are still let in. */
const headMinMs = 3_600_000;
const lookIntervalMs = 30_000;
/** What a start has to read again takes about a second. */
const defaultSnapshotBytes = 64 * 1024 * 1024;
/** A block longer than a tenth of the retention would keep samples alive for long after their time. */
const retentionShare = 10;
/** The thread holds one series at a time, and the indexes of the blocks that it merges. */
const youngGenerationSizeMb = 3;

/**
 * Two hours of samples become a block when the last of them is an hour old, or as old as late samples may be; then the head lets go of them, and the journal of
 * their records. That is done in a thread that lives only so long. A snapshot is written every few minutes and small beside what came since: for it a thread,
 * which takes 30 MiB, would be too much.
 */
export function createBlockKeeper(settings: BlockKeeperSettings): BlockKeeper {
  const { head, blocks, stream, retention, clock, telemetry, log } = settings;
  const { snapshotBytes = defaultSnapshotBytes, apart = inThread } = settings;
  const { dir } = blocks;
  const openMs = Math.max(headMinMs, settings.outOfOrderWindowMs ?? 0);
  let closedBeforeMs = listBlocks(dir).at(-1)?.endMs ?? -Infinity;
  let snapshotAtBytes = 0;
  const stopping = new AbortController();
  let cancelTimer: () => void = () => undefined;
  let looking: Promise<void> | undefined;

  const counter = (name: string, help: string, labelNames: readonly string[] = []) =>
    telemetry.counter({ name, help, labelNames });
  const writtenTotal = counter("quartet_store_blocks_written_total", "Blocks that the head was written to.");
  const mergedTotal = counter("quartet_store_blocks_merged_total", "Blocks made by merging shorter ones.");
  const deletedTotal = counter(
    "quartet_store_blocks_deleted_total",
    "Blocks deleted by retention, by what they passed: age or size.",
    ["reason"],
  );
  const snapshotsTotal = counter("quartet_store_snapshots_total", "Snapshots of the head that were written.");
  const failuresTotal = counter(
    "quartet_store_failures_total",
    "Work on blocks and snapshots that failed and is tried again, by what it was.",
    ["work"],
  );
  telemetry.observedGauge({ name: "quartet_store_blocks", help: "Blocks on disk." }, (set) =>
    set(listBlocks(dir).length),
  );
  telemetry.observedGauge(
    {
      name: "quartet_store_damaged_files",
      help: "Blocks and snapshots that were damaged and moved aside; they are deleted when they are as old as samples may be.",
    },
    (set) => set(listDamaged(dir).length),
  );
  telemetry.observedGauge(
    { name: "quartet_store_blocks_size_bytes", help: "Size of the blocks on disk." },
    (set) =>
      set(
        listBlocks(dir).reduce(
          (sum, { path }) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
          0,
        ),
      ),
  );

  /** Does something that may fail, and says whether it did not. */
  async function attempt(work: string, run: () => Promise<void> | void): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      failuresTotal.add({ work });
      log.error("work on the store's blocks failed; it is tried again", { work, error });
      return false;
    }
  }

  async function inThread(run: (remote: Remote) => Promise<void>): Promise<void> {
    const worker = new Worker(workerFile("block"), {
      name: "block",
      workerData: { head: head.handle(), dir } satisfies BlockWorkerData,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationSizeMb },
    });
    try {
      await run(connectThread(worker));
    } finally {
      await worker.terminate();
    }
  }

  /** Moves what the head has of the time before `endMs` to a block. */
  async function cut(remote: Remote, endMs: number): Promise<void> {
    const facts = await remote.call<BlockFacts | undefined>("cut", { startMs: closedBeforeMs, endMs });
    if (facts !== undefined) {
      writtenTotal.add();
      announceBlocks(blocks);
    }
    setClosed(endMs);
  }

  function setClosed(endMs: number): void {
    closedBeforeMs = endMs;
    head.truncate(endMs);
  }

  async function compact(remote: Remote): Promise<void> {
    const rangeMsMax = Math.max(blockRangeMs, retention.retentionMs / retentionShare);
    try {
      mergedTotal.add({}, await remote.call<number>("compact", { rangeMsMax }));
    } finally {
      announceBlocks(blocks);
    }
  }

  function dropOld(): void {
    const { age, size } = deleteOldBlocks(dir, retention, clock.nowMs());
    if (age + size === 0) return;
    deletedTotal.add({ reason: "age" }, age);
    deletedTotal.add({ reason: "size" }, size);
    announceBlocks(blocks);
  }

  async function snapshot(): Promise<void> {
    const takenBytes = stream.takenBytes();
    // What is behind the place by now is there as well, and is passed over when it is read again.
    try {
      await writeSnapshot(head, { dir, place: stream.place(), signal: stopping.signal });
    } catch (error) {
      // A large head takes longer than a stop may; the next start reads more of the stream.
      if (stopping.signal.aborted) return;
      throw error;
    }
    snapshotAtBytes = takenBytes;
    snapshotsTotal.add();
  }

  async function look(): Promise<void> {
    const endMs = Math.floor((clock.nowMs() - openMs) / blockRangeMs) * blockRangeMs;
    if (endMs > closedBeforeMs) {
      head.closeBefore(endMs);
      const [firstToMove] = head.scan({ startMs: -Infinity, endMs: endMs - 1 });
      if (firstToMove === undefined) setClosed(endMs);
      else
        await attempt("thread", () =>
          apart(async (remote) => {
            if (await attempt("cut", () => cut(remote, endMs)))
              await attempt("compact", () => compact(remote));
          }),
        );
    }
    const snapshotDueBytes = Math.max(snapshotBytes, snapshotSizeBytes(dir));
    if (stream.takenBytes() - snapshotAtBytes >= snapshotDueBytes) await attempt("snapshot", snapshot);
    await attempt("retention", () => {
      dropOld();
      stream.settle(closedBeforeMs);
    });
  }

  function lookOnce(): Promise<void> {
    looking ??= look().finally(() => (looking = undefined));
    return looking;
  }

  function schedule(): void {
    if (stopping.signal.aborted) return;
    cancelTimer = clock.setTimer(() => void lookOnce().then(schedule), lookIntervalMs);
  }

  return {
    look: lookOnce,
    start: schedule,
    async stop() {
      stopping.abort();
      cancelTimer();
      await looking;
    },
  };
}
