import { zstdDecompressSync } from "node:zlib";
import {
  blockHeaderSizeBytes,
  blockMagic,
  decodeBlockHeader,
  type BlockHeader,
} from "./compressed-format.ts";
import type { JournalFiles } from "./files.ts";
import { segmentHeaderSizeBytes } from "./format.ts";

/** Where reading may begin in the middle of a segment. */
export type ReadingPlace = Pick<BlockHeader, "plainPosition" | "offset" | "itemsBefore" | "bytesBefore">;

/** The bytes of a segment as they were written, whether it has been compressed since or not. */
export interface SegmentBytes {
  sizeBytes(): number;
  /** Bytes read; fewer than asked for only at the end. What is damaged reads as zeros. */
  read(into: Uint8Array, position: number): number;
  /** The last place at or before the record of this offset; undefined when only the first record is one. */
  placeBefore(offset: number): ReadingPlace | undefined;
}

export function plainBytes(files: JournalFiles, fd: number): SegmentBytes {
  return {
    sizeBytes: () => files.openFileSizeBytes(fd),
    read: (into, position) => files.read(fd, into, position),
    placeBefore: () => undefined,
  };
}

interface Block extends BlockHeader {
  /** Of its frame, in the file. */
  readonly position: number;
}

/** Keeps the block that was read last, as the next read goes on in it. */
export function compressedBytes(files: JournalFiles, fd: number, seed: number): SegmentBytes {
  let blocks: readonly Block[] | undefined;
  let last: { readonly block: Block; readonly plain: Buffer | undefined } | undefined;

  // Only when something is read: a start opens every segment for its header.
  const index = (): readonly Block[] => (blocks ??= findBlocks(files, fd, seed));

  const inflate = (block: Block): Buffer | undefined => {
    if (last?.block === block) return last.plain;
    const frame = Buffer.allocUnsafe(block.sizeBytes);
    const size = files.read(fd, frame, block.position);
    const plain = size === block.sizeBytes ? decompress(frame, block.plainSizeBytes) : undefined;
    last = { block, plain };
    return plain;
  };

  return {
    sizeBytes() {
      const end = index().at(-1);
      return end === undefined ? segmentHeaderSizeBytes : end.plainPosition + end.plainSizeBytes;
    },
    read(into, position) {
      let filled = 0;
      for (const block of index().slice(indexBefore(index(), (at) => at.plainPosition <= position))) {
        const from = position + filled - block.plainPosition;
        if (filled === into.length) break;
        if (from >= block.plainSizeBytes) continue;
        // The blocks before this one are gone.
        const gap = Math.min(Math.max(0, -from), into.length - filled);
        into.fill(0, filled, filled + gap);
        filled += gap;
        const start = Math.max(0, from);
        const count = Math.min(block.plainSizeBytes - start, into.length - filled);
        const plain = inflate(block);
        if (plain === undefined) into.fill(0, filled, filled + count);
        else into.set(plain.subarray(start, start + count), filled);
        filled += count;
      }
      return filled;
    },
    placeBefore(offset) {
      const block = index()[indexBefore(index(), (at) => at.offset <= offset)];
      return block !== undefined && block.offset <= offset ? block : undefined;
    },
  };
}

/** undefined when the frame is damaged. */
function decompress(frame: Buffer, plainSizeBytes: number): Buffer | undefined {
  try {
    const plain = zstdDecompressSync(frame, { maxOutputLength: Math.max(1, plainSizeBytes) });
    return plain.length === plainSizeBytes ? plain : undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

/** Index of the last block of which `isBefore` holds; 0 when there is none. Blocks ascend. */
function indexBefore(blocks: readonly Block[], isBefore: (block: Block) => boolean): number {
  let low = 0;
  let high = blocks.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (isBefore(blocks[middle]!)) low = middle;
    else high = middle;
  }
  return low;
}

/** Goes from header to header; where one is damaged, on to the next one that is whole. */
function findBlocks(files: JournalFiles, fd: number, seed: number): readonly Block[] {
  const blocks: Block[] = [];
  const fileSizeBytes = files.openFileSizeBytes(fd);
  const header = Buffer.alloc(blockHeaderSizeBytes);
  let position = segmentHeaderSizeBytes;
  while (position + blockHeaderSizeBytes <= fileSizeBytes) {
    const size = files.read(fd, header, position);
    const found = size === header.length ? decodeBlockHeader(header, 0, seed) : undefined;
    if (found === undefined) {
      position = searchBlock({ files, fd, seed, from: position + 1, fileSizeBytes });
      continue;
    }
    blocks.push({ ...found, position: position + blockHeaderSizeBytes });
    position += blockHeaderSizeBytes + found.sizeBytes;
  }
  return blocks;
}

const searchSizeBytes = 1024 * 1024;

/** Position of the next whole block header, or the end of the file. */
function searchBlock(place: {
  readonly files: JournalFiles;
  readonly fd: number;
  readonly seed: number;
  readonly from: number;
  readonly fileSizeBytes: number;
}): number {
  const { files, fd, seed, fileSizeBytes } = place;
  const chunk = Buffer.alloc(searchSizeBytes + blockHeaderSizeBytes);
  for (let from = place.from; from < fileSizeBytes; from += searchSizeBytes) {
    // Chunks overlap by a header, so that none is cut in two.
    const bytes = chunk.subarray(0, files.read(fd, chunk, from));
    for (let at = bytes.indexOf(blockMagic); at !== -1; at = bytes.indexOf(blockMagic, at + 1)) {
      if (decodeBlockHeader(bytes, at, seed) !== undefined) return from + at;
    }
  }
  return fileSizeBytes;
}
