import { rmSync, statSync } from "node:fs";
import { hasCode, labelsKey, type Labels } from "../../model/index.ts";
import { eachChunk } from "../chunk/index.ts";
import type { HeadReader } from "../head-reader.ts";
import {
  blockPath,
  listBlocks,
  listDamaged,
  moveAside,
  type BlockFacts,
  type BlockName,
} from "./block-file.ts";
import { checkTrailer, openBlock, type BlockReader } from "./block-reader.ts";
import { openBlockWriter } from "./block-writer.ts";

interface Range {
  readonly startMs: number;
  /** Not included. */
  readonly endMs: number;
}

/** Two hours, as long as a block of the head is. */
export const blockRangeMs: number = 2 * 3_600_000;
/** A block holds this many of the next smaller ones. */
const mergeFactor = 3;

/**
 * Writes the head's samples of a stretch as a block; undefined, and no file, when there are none. A stretch without a beginning
 * begins at the even hour of the head's first sample.
 */
export function writeHeadBlock(head: HeadReader, dir: string, stretch: Range): BlockFacts | undefined {
  const firstMs = head.statistics().minTimeMs;
  if (firstMs === undefined || firstMs >= stretch.endMs) return undefined;
  const startMs = Math.max(stretch.startMs, stretchOf({ ...stretch, startMs: firstMs }, blockRangeMs));
  const range = { startMs, endMs: stretch.endMs };
  using writer = openBlockWriter(blockPath(dir, range));
  let isEmpty = true;
  for (const { labels, ...samples } of head.scan({ startMs: range.startMs, endMs: range.endMs - 1 })) {
    isEmpty = false;
    writer.add(labels, eachChunk(samples));
  }
  return isEmpty ? undefined : writer.finish(range);
}

/**
 * Merges blocks side by side into longer ones: three of two hours into six, three of those, and so on up to `rangeMsMax`.
 * A stretch is merged when it is over. Gives how many blocks were made. A damaged block is moved aside, and then it throws.
 * @throws CollectorError QUARTET_BLOCK_INVALID; errors of node:fs.
 */
export function compactBlocks(dir: string, rangeMsMax: number): number {
  let made = 0;
  for (let rangeMs = blockRangeMs * mergeFactor; rangeMs <= rangeMsMax; rangeMs *= mergeFactor) {
    const blocks = listBlocks(dir);
    const newestEndMs = blocks.at(-1)?.endMs ?? -Infinity;
    for (const group of groups(blocks, rangeMs)) {
      const isOver = newestEndMs >= stretchOf(group[0]!, rangeMs) + rangeMs;
      if (group.length < 2 || !isOver) continue;
      merge(dir, group);
      made += 1;
    }
  }
  return made;
}

function stretchOf({ startMs }: Range, rangeMs: number): number {
  return Math.floor(startMs / rangeMs) * rangeMs;
}

/** Blocks that lie within the same stretch. */
function groups(blocks: readonly BlockName[], rangeMs: number): BlockName[][] {
  const byStretch = new Map<number, BlockName[]>();
  for (const block of blocks) {
    const stretch = stretchOf(block, rangeMs);
    if (block.endMs > stretch + rangeMs) continue;
    const group = byStretch.get(stretch);
    if (group === undefined) byStretch.set(stretch, [block]);
    else group.push(block);
  }
  return [...byStretch.values()];
}

/** Chunks are copied as they are: blocks of a folder never overlap. */
function merge(dir: string, group: readonly BlockName[]): void {
  const blocks: BlockReader[] = [];
  try {
    for (const { path } of group) blocks.push(asideIfDamaged(path, () => openBlock(path)));
    const range = { startMs: group[0]!.startMs, endMs: group.at(-1)!.endMs };
    using writer = openBlockWriter(blockPath(dir, range));
    const merged = new Map<
      string,
      { readonly labels: Labels; readonly parts: (readonly [BlockReader, number])[] }
    >();
    for (const block of blocks) {
      for (const { slot, labels } of block.index.series.match([])) {
        const key = labelsKey(labels);
        const series = merged.get(key);
        if (series === undefined) merged.set(key, { labels, parts: [[block, slot]] });
        else series.parts.push([block, slot]);
      }
    }
    for (const { labels, parts } of merged.values())
      writer.add(
        labels,
        parts.flatMap(([block, slot]) => asideIfDamaged(block.path, () => block.chunks(slot))),
      );
    writer.finish(range);
  } finally {
    for (const block of blocks) block.close();
  }
  for (const { path } of group) rmSync(path, { force: true });
}

/** Lets nobody stumble over a damaged block twice. */
function asideIfDamaged<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, "QUARTET_BLOCK_INVALID")) moveAside(path);
    throw error;
  }
}

/** How much of the blocks is kept. */
export interface BlockRetention {
  readonly retentionMs: number;
  readonly sizeBytesMax: number;
}

/**
 * Refuses to start on blocks of a newer version: the first query that needs one would find out too late. What is damaged is left
 * to whoever reads it.
 * @throws CollectorError QUARTET_STATE_INVALID; errors of node:fs.
 */
export function refuseNewerBlocks(dir: string): void {
  for (const { path } of listBlocks(dir)) {
    try {
      checkTrailer(path);
    } catch (error) {
      if (!hasCode(error, "QUARTET_BLOCK_INVALID")) throw error;
    }
  }
}

/**
 * Deletes blocks that are too old, then the oldest while there are too many bytes. What was moved aside goes by the age of its
 * file, and before any block. Gives how many, by what they passed.
 */
export function deleteOldBlocks(
  dir: string,
  { retentionMs, sizeBytesMax }: BlockRetention,
  nowMs: number,
): { readonly age: number; readonly size: number } {
  const deleted = { age: 0, size: 0 };
  const files = [
    ...listDamaged(dir).map((path) => ({ path, endMs: statSync(path).mtimeMs })),
    ...listBlocks(dir),
  ];
  const sized = files.map((file) => ({ ...file, sizeBytes: statSync(file.path).size }));
  let total = sized.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const { path, endMs, sizeBytes } of sized) {
    const isOld = endMs <= nowMs - retentionMs;
    if (!isOld && total <= sizeBytesMax) continue;
    rmSync(path, { force: true });
    total -= sizeBytes;
    deleted[isOld ? "age" : "size"] += 1;
  }
  return deleted;
}
