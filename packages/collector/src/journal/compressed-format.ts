/**
 * The blocks of a compressed segment. Each holds whole records and stands for itself, so that a reader inflates only what it
 * wants, and a damaged block costs its own records.
 *
 *     compressed segment = header (96 bytes) block*
 *     block = magic u32 | crc u32 | size u32 | plain size u32 | plain position u64 | offset u64 | items u64 | bytes u64 | zstd frame
 *
 * `plain position` is where its first record stood in the segment before; offset, items and bytes are that record's offset and
 * the sums of all before it. The CRC covers the header behind it, and is seeded as those of the records are.
 */
import { crc32 } from "node:zlib";
import { readUint64, writeUint64 } from "./format.ts";

export const blockHeaderSizeBytes = 48;
/** "QBLK". */
export const blockMagic: Buffer = Buffer.from("QBLK", "latin1");

export interface BlockHeader {
  readonly sizeBytes: number;
  readonly plainSizeBytes: number;
  readonly plainPosition: number;
  readonly offset: number;
  readonly itemsBefore: number;
  readonly bytesBefore: number;
}

export function encodeBlockHeader(header: BlockHeader, seed: number): Buffer {
  const bytes = Buffer.alloc(blockHeaderSizeBytes);
  blockMagic.copy(bytes, 0);
  bytes.writeUInt32LE(header.sizeBytes, 8);
  bytes.writeUInt32LE(header.plainSizeBytes, 12);
  writeUint64(bytes, header.plainPosition, 16);
  writeUint64(bytes, header.offset, 24);
  writeUint64(bytes, header.itemsBefore, 32);
  writeUint64(bytes, header.bytesBefore, 40);
  bytes.writeUInt32LE(crc32(bytes.subarray(8), seed), 4);
  return bytes;
}

/** The header at `position`; undefined when there is none. */
export function decodeBlockHeader(bytes: Buffer, position: number, seed: number): BlockHeader | undefined {
  const end = position + blockHeaderSizeBytes;
  if (end > bytes.length || bytes.compare(blockMagic, 0, 4, position, position + 4) !== 0) return undefined;
  if (crc32(bytes.subarray(position + 8, end), seed) !== bytes.readUInt32LE(position + 4)) return undefined;
  return {
    sizeBytes: bytes.readUInt32LE(position + 8),
    plainSizeBytes: bytes.readUInt32LE(position + 12),
    plainPosition: readUint64(bytes, position + 16),
    offset: readUint64(bytes, position + 24),
    itemsBefore: readUint64(bytes, position + 32),
    bytesBefore: readUint64(bytes, position + 40),
  };
}
