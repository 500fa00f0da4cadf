/**
 * The journal on disk.
 *
 *     segment = header (96 bytes) record*                    (or blocks of them, see compressed-format.ts)
 *     record  = magic u32 | crc u32 | payload size u32 | item count u32 | receivedAtMs u48 | flags u16 | offset u64 | payload
 *
 * Version 1 had neither flags, of the segment or of a record, nor blocks. Numbers are little-endian. The CRC covers everything behind it and is seeded with the CRC of journal id and base
 * offset: bytes that were once part of another segment, or that a client put into its payload, never pass as a record.
 */
import { crc32 } from "node:zlib";
import { streams, type Stream } from "../model/index.ts";

export const formatVersion = 2;
export const segmentHeaderSizeBytes = 96;
export const recordHeaderSizeBytes = 32;

const segmentMagic: Buffer = Buffer.from("QTETJRNL", "latin1");
/** "QREC"; what a search for the next whole record looks for. */
export const recordMagic: Buffer = Buffer.from("QREC", "latin1");

const two32 = 2 ** 32;

/** Flag of a segment: blocks follow, not records. */
const compressedFlag = 1;
/** Flag of a record: its payload begins with the name of the one consumer that it is for (its size u8, then ASCII). */
const addressedFlag = 1;

const at = {
  version: 8,
  headerSize: 10,
  flags: 12,
  journalId: 16,
  baseOffset: 32,
  itemsBefore: 40,
  bytesBefore: 48,
  shard: 56,
  stream: 60,
  createdAtMs: 72,
  reusedSize: 80,
  crc: 92,
} as const;

export interface SegmentHeader {
  /** 32 hex digits. */
  readonly journalId: string;
  readonly stream: Stream;
  readonly shard: number;
  /** Offset of the first record. */
  readonly baseOffset: number;
  /** Items and payload bytes of all records ever appended before this segment: lag is the difference of two such sums. */
  readonly itemsBefore: number;
  readonly bytesBefore: number;
  readonly createdAtMs: number;
  readonly isCompressed: boolean;
  /** Of the file before this segment was written to it: what stands behind the records up to there belonged to another. */
  readonly reusedSizeBytes: number;
}

export type DecodedHeader =
  | { readonly kind: "header"; readonly version: number; readonly header: SegmentHeader }
  /** Cut short or damaged; the records behind it may still be whole. */
  | { readonly kind: "torn" }
  | { readonly kind: "newer"; readonly version: number };

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderSizeBytes);
  segmentMagic.copy(bytes, 0);
  bytes.writeUInt16LE(formatVersion, at.version);
  bytes.writeUInt16LE(segmentHeaderSizeBytes, at.headerSize);
  bytes.writeUInt32LE(header.isCompressed ? compressedFlag : 0, at.flags);
  bytes.write(header.journalId, at.journalId, 16, "hex");
  writeUint64(bytes, header.baseOffset, at.baseOffset);
  writeUint64(bytes, header.itemsBefore, at.itemsBefore);
  writeUint64(bytes, header.bytesBefore, at.bytesBefore);
  bytes.writeUInt32LE(header.shard, at.shard);
  bytes.write(header.stream, at.stream, 12, "latin1");
  writeUint64(bytes, header.createdAtMs, at.createdAtMs);
  writeUint64(bytes, header.reusedSizeBytes, at.reusedSize);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, at.crc)), at.crc);
  return bytes;
}

export function decodeSegmentHeader(bytes: Buffer): DecodedHeader {
  if (bytes.length < segmentHeaderSizeBytes) return { kind: "torn" };
  if (!bytes.subarray(0, 8).equals(segmentMagic)) return { kind: "torn" };
  const version = bytes.readUInt16LE(at.version);
  if (version > formatVersion) return { kind: "newer", version };
  if (crc32(bytes.subarray(0, at.crc)) !== bytes.readUInt32LE(at.crc)) return { kind: "torn" };
  const flags = bytes.readUInt32LE(at.flags);
  // A flag that nobody knows says that records are kept in a way this version cannot read: as good as a newer version.
  if ((flags & ~compressedFlag) !== 0) return { kind: "newer", version };
  const name = bytes.toString("latin1", at.stream, at.stream + 12).replace(/\0+$/, "");
  const stream = streams.find((known) => known === name);
  if (stream === undefined) return { kind: "torn" };
  const header: SegmentHeader = {
    journalId: bytes.toString("hex", at.journalId, at.journalId + 16),
    stream,
    shard: bytes.readUInt32LE(at.shard),
    baseOffset: readUint64(bytes, at.baseOffset),
    itemsBefore: readUint64(bytes, at.itemsBefore),
    bytesBefore: readUint64(bytes, at.bytesBefore),
    createdAtMs: readUint64(bytes, at.createdAtMs),
    isCompressed: (flags & compressedFlag) !== 0,
    reusedSizeBytes: readUint64(bytes, at.reusedSize),
  };
  return { kind: "header", version, header };
}

/** What the CRC of every record in a segment begins with. */
export function recordSeed(journalId: string, baseOffset: number): number {
  const bytes = Buffer.alloc(24);
  bytes.write(journalId, 0, 16, "hex");
  writeUint64(bytes, baseOffset, 16);
  return crc32(bytes);
}

export interface RecordFields {
  readonly offset: number;
  readonly receivedAtMs: number;
  readonly itemCount: number;
  readonly isAddressed: boolean;
}

/** Writes the header of one record; `payload` is what follows it on disk. */
export function encodeRecordHeader(
  into: Buffer,
  seed: number,
  fields: RecordFields,
  payload: readonly Uint8Array[],
  payloadSizeBytes: number,
): void {
  recordMagic.copy(into, 0);
  into.writeUInt32LE(payloadSizeBytes, 8);
  into.writeUInt32LE(fields.itemCount, 12);
  writeUint64(into, fields.receivedAtMs, 16);
  into.writeUInt16LE(fields.isAddressed ? addressedFlag : 0, 22);
  writeUint64(into, fields.offset, 24);
  let crc = crc32(into.subarray(8, recordHeaderSizeBytes), seed);
  for (const piece of payload) crc = crc32(piece, crc);
  into.writeUInt32LE(crc, 4);
}

export interface DecodedRecord extends RecordFields {
  readonly payloadSizeBytes: number;
}

/** The fields at `position`, not yet checked against the CRC; undefined when there is no record's magic. */
export function decodeRecordHeader(bytes: Buffer, position: number): DecodedRecord | undefined {
  if (bytes.compare(recordMagic, 0, 4, position, position + 4) !== 0) return undefined;
  return {
    payloadSizeBytes: bytes.readUInt32LE(position + 8),
    itemCount: bytes.readUInt32LE(position + 12),
    receivedAtMs: bytes.readUIntLE(position + 16, 6),
    isAddressed: (bytes.readUInt16LE(position + 22) & addressedFlag) !== 0,
    offset: readUint64(bytes, position + 24),
  };
}

/** Whether the record at `position`, which is wholly in `bytes`, is as it was written. */
export function isRecordWhole(
  bytes: Buffer,
  position: number,
  payloadSizeBytes: number,
  seed: number,
): boolean {
  const end = position + recordHeaderSizeBytes + payloadSizeBytes;
  return crc32(bytes.subarray(position + 8, end), seed) === bytes.readUInt32LE(position + 4);
}

/** `<baseOffset>.seg` with 20 digits, so that names sort as offsets do. */
export function segmentName(baseOffset: number): string {
  return `${String(baseOffset).padStart(20, "0")}.seg`;
}

/** The base offset that a file's name says; undefined for other files. */
export function parseSegmentName(name: string): number | undefined {
  const match = /^(\d{20})\.seg$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

// Two halves instead of BigInt: every value here stays far below 2^53.
export function writeUint64(bytes: Buffer, value: number, position: number): void {
  bytes.writeUInt32LE(value % two32, position);
  bytes.writeUInt32LE(Math.floor(value / two32), position + 4);
}

export function readUint64(bytes: Buffer, position: number): number {
  return bytes.readUInt32LE(position) + bytes.readUInt32LE(position + 4) * two32;
}
