import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32, zstdDecompressSync } from "node:zlib";
import { CollectorError, type TimeRange } from "../../model/index.ts";
import { decodeChunk, type EncodedChunk, type SampleColumns } from "../chunk/index.ts";
import {
  crcBytes,
  damagedFile,
  decodeTrailer,
  trailerBytes,
  type PartPlace,
  type Trailer,
} from "./block-file.ts";
import { decodeBlockIndex, type BlockIndex } from "./block-index.ts";

/** An index of this many bytes has some ten million series. */
const indexBytesMax = 1024 ** 3;
/** Chunks that stand near what was read last are read along with what follows. */
const nearBytes = 64 * 1024;
const aheadBytes = 256 * 1024;

/** An open block. The file may be deleted meanwhile; what is open stays readable. */
export interface BlockReader {
  readonly path: string;
  readonly sizeBytes: number;
  readonly index: BlockIndex;
  /** Appends the samples of one series that lie in the range. @throws CollectorError QUARTET_BLOCK_INVALID */
  read(series: number, range: TimeRange, into: SampleColumns): void;
  /** Whether the series may have a sample in the range. */
  overlaps(series: number, range: TimeRange): boolean;
  /** The chunks of one series as they stand in the file, checked. @throws CollectorError QUARTET_BLOCK_INVALID */
  chunks(series: number): EncodedChunk[];
  /** What `addPart` was given; valid until the next read. @throws CollectorError QUARTET_BLOCK_INVALID */
  part(place: PartPlace): Buffer;
  close(): void;
}

/** @throws CollectorError QUARTET_BLOCK_INVALID; QUARTET_STATE_INVALID for a newer version; errors of node:fs. */
export function openBlock(path: string): BlockReader {
  const fd = openSync(path, "r");
  try {
    return read(path, fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Looks at no more than the end of a file. @throws as `openBlock` does. */
export function checkTrailer(path: string): void {
  const fd = openSync(path, "r");
  try {
    readTrailer(path, fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

function read(path: string, fd: number): BlockReader {
  const sizeBytes = fstatSync(fd).size;
  const index = readIndex(path, fd, sizeBytes);
  const { firstChunk, minMs, maxMs, sampleCounts, offsets } = index;
  let window = Buffer.alloc(0);
  let windowStart = 0;

  /** Bytes of the file from `start` to `end`; valid until the next call. */
  function bytesAt(start: number, end: number): Buffer {
    const windowEnd = windowStart + window.length;
    if (start < windowStart || end > windowEnd) {
      const isNear = start >= windowStart && start <= windowEnd + nearBytes;
      const wanted = Math.min(sizeBytes, isNear ? Math.max(end, start + aheadBytes) : end) - start;
      window = Buffer.allocUnsafe(wanted);
      windowStart = start;
      if (readFully(fd, window, start) < end - start) throw damagedFile(path, "it ends too early");
    }
    return window.subarray(start - windowStart, end - windowStart);
  }

  /** The same without the checksum at their end, which is right. */
  function checkedAt(start: number, end: number, name: string): Buffer {
    const bytes = bytesAt(start, end);
    const content = bytes.subarray(0, -crcBytes);
    if (crc32(content) !== bytes.readUInt32LE(content.length))
      throw damagedFile(path, `the checksum of ${name} is wrong`);
    return content;
  }

  const checked = (chunk: number) => checkedAt(offsets[chunk]!, offsets[chunk + 1]!, `chunk ${chunk}`);

  /** The first of a series' chunks that ends at or after a time. */
  function firstAt(series: number, timeMs: number): number {
    let chunk = firstChunk[series]!;
    while (chunk < firstChunk[series + 1]! && maxMs[chunk]! < timeMs) chunk += 1;
    return chunk;
  }

  return {
    path,
    sizeBytes,
    index,
    overlaps(series, { startMs, endMs }) {
      const chunk = firstAt(series, startMs);
      return chunk < firstChunk[series + 1]! && minMs[chunk]! <= endMs;
    },
    read(series, range, into) {
      const end = firstChunk[series + 1]!;
      for (
        let chunk = firstAt(series, range.startMs);
        chunk < end && minMs[chunk]! <= range.endMs;
        chunk += 1
      ) {
        const content = checked(chunk);
        const before = into.length;
        try {
          decodeChunk(content, 0, content.length, into);
        } catch (cause) {
          throw damagedFile(path, (cause as Error).message, cause);
        }
        if (minMs[chunk]! < range.startMs || maxMs[chunk]! > range.endMs) into.keep(before, range);
      }
    },
    chunks(series) {
      const chunks: EncodedChunk[] = [];
      for (let chunk = firstChunk[series]!; chunk < firstChunk[series + 1]!; chunk += 1) {
        chunks.push({
          bytes: Uint8Array.prototype.slice.call(checked(chunk)),
          minMs: minMs[chunk]!,
          maxMs: maxMs[chunk]!,
          sampleCount: sampleCounts[chunk]!,
        });
      }
      return chunks;
    },
    part: ({ offset, sizeBytes: partBytes }) =>
      checkedAt(offset, offset + partBytes + crcBytes, `the part at ${offset}`),
    close: () => closeSync(fd),
  };
}

function readTrailer(path: string, fd: number, sizeBytes: number): Trailer {
  const end = Buffer.alloc(Math.min(trailerBytes, sizeBytes));
  readFully(fd, end, sizeBytes - end.length);
  return decodeTrailer(end, path, sizeBytes);
}

function readIndex(path: string, fd: number, sizeBytes: number): BlockIndex {
  const { indexOffset, indexBytes, indexCrc } = readTrailer(path, fd, sizeBytes);
  const packed = Buffer.alloc(indexBytes);
  readFully(fd, packed, indexOffset);
  if (crc32(packed) !== indexCrc) throw damagedFile(path, "the checksum of its index is wrong");
  try {
    return decodeBlockIndex(zstdDecompressSync(packed, { maxOutputLength: indexBytesMax }));
  } catch (cause) {
    if (cause instanceof CollectorError || cause instanceof RangeError || "errno" in (cause as object))
      throw damagedFile(path, (cause as Error).message, cause);
    throw cause;
  }
}

/** How many bytes were there; fewer than asked for only at the end of the file. */
function readFully(fd: number, into: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < into.length) {
    const count = readSync(fd, into, filled, into.length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}
