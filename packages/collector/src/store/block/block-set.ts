import { hasCode } from "../../model/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { listBlocks, moveAside } from "./block-file.ts";
import { openBlock, type BlockReader } from "./block-reader.ts";

/** What threads share of the blocks: where they are, and a number that grows whenever one comes or goes. */
export interface BlocksHandle {
  readonly dir: string;
  readonly version: SharedArrayBuffer;
}

export function createBlocksHandle(dir: string): BlocksHandle {
  return { dir, version: new SharedArrayBuffer(4) };
}

/** Tells every thread that files have come or gone. */
export function announceBlocks({ version }: BlocksHandle): void {
  Atomics.add(new Int32Array(version), 0, 1);
}

/** The blocks as one thread has them open. */
export interface BlockSet {
  /** Blocks that overlap the range, ascending by time, as of now. A damaged one is moved aside and reported. */
  overlapping(range: { readonly startMs: number; readonly endMs: number }): readonly BlockReader[];
  /** Moves a block aside that turned out to be damaged when it was read. */
  setAside(block: BlockReader, error: unknown): void;
  close(): void;
}

interface Known {
  readonly startMs: number;
  readonly endMs: number;
  /** Opened when first asked for, closed when nobody has for a while: an index takes memory. */
  reader: BlockReader | undefined;
  usedAt: number;
}

/** Indexes of the series of all open blocks together: some 200 bytes each. */
const openSeriesMax = 500_000;

/** Opens blocks when they are asked for. */
export function openBlockSet(handle: BlocksHandle, log: Log): BlockSet {
  const version = new Int32Array(handle.version);
  let seen: number | undefined;
  let known = new Map<string, Known>();
  let askCount = 0;

  function refresh(): void {
    const current = Atomics.load(version, 0);
    if (current === seen) return;
    const next = new Map<string, Known>();
    for (const { path, startMs, endMs } of listBlocks(handle.dir)) {
      next.set(path, known.get(path) ?? { startMs, endMs, reader: undefined, usedAt: 0 });
      known.delete(path);
    }
    for (const { reader } of known.values()) reader?.close();
    known = next;
    seen = current;
  }

  function openKnown(path: string, block: Known): BlockReader | undefined {
    block.usedAt = askCount;
    if (block.reader !== undefined) return block.reader;
    try {
      block.reader = openBlock(path);
    } catch (error) {
      // Deleted by the retention since it was listed.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      if (!hasCode(error, "QUARTET_BLOCK_INVALID")) throw error;
      setAside(path, error);
    }
    return block.reader;
  }

  function setAside(path: string, error: unknown): void {
    known.get(path)?.reader?.close();
    known.delete(path);
    const aside = moveAside(path);
    if (aside !== undefined)
      log.error("a block of the store is damaged; its samples are missing from now on", { error, aside });
    Atomics.add(version, 0, 1);
  }

  /** Closes those that were asked for longest ago, while there are too many. */
  function closeUnused(): void {
    const open = [...known.values()].filter(({ reader }) => reader !== undefined);
    let seriesCount = open.reduce((sum, { reader }) => sum + reader!.index.facts.seriesCount, 0);
    for (const block of open.sort((left, right) => left.usedAt - right.usedAt)) {
      if (seriesCount <= openSeriesMax || block.usedAt === askCount) return;
      seriesCount -= block.reader!.index.facts.seriesCount;
      block.reader!.close();
      block.reader = undefined;
    }
  }

  return {
    overlapping({ startMs, endMs }) {
      refresh();
      askCount += 1;
      const found: BlockReader[] = [];
      for (const [path, block] of known) {
        if (block.endMs <= startMs || block.startMs > endMs) continue;
        const reader = openKnown(path, block);
        if (reader !== undefined) found.push(reader);
      }
      closeUnused();
      return found;
    },
    setAside: ({ path }, error) => setAside(path, error),
    close() {
      for (const { reader } of known.values()) reader?.close();
      known.clear();
      seen = undefined;
    },
  };
}
