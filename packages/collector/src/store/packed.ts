import { decodeChunk, encodeChunks, type EncodedChunk, type SampleColumns } from "./chunk/index.ts";
import { hasCode, type SeriesSamples } from "../model/index.ts";
import {
  blockBodyBytes,
  blockBytes,
  blockFloats,
  blockFormat,
  blockHeadBytes,
  blockHeadFloats,
  blockInts,
  blockLength,
  blockTimeFloat,
  formatPacked,
  type HeadViews,
} from "./layout.ts";

/**
 * The block format "packed": chunks one after another, ascending by time. Before each stand the times of its first and last
 * sample (float64), its length in bytes and its number of samples (int32); each begins at a multiple of 8 bytes.
 * A block's length counts bytes. What is packed never changes, but for a short chunk at the end: the next samples may join it.
 */
const entryHeadBytes = 24;
const entryLengthInt = 4;
const entryCountInt = 5;

const chunkBytesMax = blockBodyBytes - entryHeadBytes;
/** What a chunk takes with what stands before it. */
const sizeOf = (chunkBytes: number) => entryHeadBytes + Math.ceil(chunkBytes / 8) * 8;

/** One chunk inside a block. */
export interface PackedEntry {
  readonly minMs: number;
  readonly maxMs: number;
  readonly sampleCount: number;
  /** Where its bytes are in `views.bytes`. */
  readonly start: number;
  readonly end: number;
}

/** The last chunk of a block; undefined when the block is of another format. */
export function lastEntry(views: HeadViews, block: number): PackedEntry | undefined {
  return views.ints[block * blockInts + blockFormat] === formatPacked
    ? packedEntries(views, block).at(-1)
    : undefined;
}

/** Takes the last chunk, which `lastEntry` gave, out of its block; another must follow before anybody can look. */
export function dropLastEntry(views: HeadViews, block: number, { start }: PackedEntry): void {
  const used = start - entryHeadBytes - blockHeadBytes - block * blockBytes;
  Atomics.store(views.ints, block * blockInts + blockLength, used);
}

/** The samples as chunks that fit into a block each; undefined when one sample alone is too large. */
export function packSamples(samples: Omit<SeriesSamples, "labels">): EncodedChunk[] | undefined {
  const chunks = encodeChunks(samples);
  if (chunks.every(({ bytes }) => bytes.length <= chunkBytesMax)) return chunks;
  const { timestampsMs, values, histograms, startTimestampsMs } = samples;
  const half = timestampsMs.length >>> 1;
  if (half === 0) return undefined;
  const parts = [
    [0, half],
    [half, timestampsMs.length],
  ].map(([from, to]) =>
    packSamples({
      timestampsMs: timestampsMs.subarray(from, to),
      values: values.subarray(from, to),
      ...(histograms === undefined ? {} : { histograms: histograms.slice(from, to) }),
      ...(startTimestampsMs === undefined ? {} : { startTimestampsMs: startTimestampsMs.subarray(from, to) }),
    }),
  );
  return parts.some((part) => part === undefined) ? undefined : parts.flatMap((part) => part!);
}

/** What the chunks take in blocks of their own. */
export function packedBytes(chunks: readonly EncodedChunk[]): number {
  return chunks.reduce((sum, chunk) => sum + sizeOf(chunk.bytes.length), 0);
}

/** How many of the chunks, from the first on, still fit into a block, if need be in the place of its last one. */
export function countFitting(
  views: HeadViews,
  block: number,
  chunks: readonly EncodedChunk[],
  replaced?: PackedEntry,
): number {
  const { ints } = views;
  if (ints[block * blockInts + blockFormat] !== formatPacked) return 0;
  let room = blockBodyBytes - ints[block * blockInts + blockLength]!;
  if (replaced !== undefined) room += sizeOf(replaced.end - replaced.start);
  const over = chunks.findIndex((chunk) => (room -= sizeOf(chunk.bytes.length)) < 0);
  return over < 0 ? chunks.length : over;
}

/** Appends a chunk to a packed block; false when there is no room. The slot's version is odd, or nobody can reach the block. */
export function appendChunk(views: HeadViews, block: number, chunk: EncodedChunk): boolean {
  const used = views.ints[block * blockInts + blockLength]!;
  if (used + sizeOf(chunk.bytes.length) > blockBodyBytes) return false;
  const at = block * blockBytes + blockHeadBytes + used;
  views.floats[at / 8] = chunk.minMs;
  views.floats[at / 8 + 1] = chunk.maxMs;
  views.ints[at / 4 + entryLengthInt] = chunk.bytes.length;
  views.ints[at / 4 + entryCountInt] = chunk.sampleCount;
  views.bytes.set(chunk.bytes, at + entryHeadBytes);
  views.floats[block * blockFloats + blockTimeFloat] = chunk.maxMs;
  Atomics.store(views.ints, block * blockInts + blockLength, used + sizeOf(chunk.bytes.length));
  return true;
}

/** Time of a packed block's first sample. */
export function packedStartMs(views: HeadViews, block: number): number {
  return views.floats[block * blockFloats + blockHeadFloats]!;
}

/** Time of a packed block's last sample. */
export function packedEndMs(views: HeadViews, block: number): number {
  return views.floats[block * blockFloats + blockTimeFloat]!;
}

/** The chunks of a packed block, within the block whatever the memory says. */
export function packedEntries(views: HeadViews, block: number): PackedEntry[] {
  const entries: PackedEntry[] = [];
  const body = block * blockBytes + blockHeadBytes;
  const end = body + Math.min(blockBodyBytes, Atomics.load(views.ints, block * blockInts + blockLength));
  for (let at = body; at + entryHeadBytes <= end;) {
    const length = views.ints[at / 4 + entryLengthInt]!;
    const start = at + entryHeadBytes;
    if (length <= 0 || start + length > end) break;
    entries.push({
      minMs: views.floats[at / 8]!,
      maxMs: views.floats[at / 8 + 1]!,
      sampleCount: views.ints[at / 4 + entryCountInt]!,
      start,
      end: start + length,
    });
    at = start + Math.ceil(length / 8) * 8;
  }
  return entries;
}

/**
 * Appends the samples of a chunk to `into`. Memory in reuse may hold anything: then nothing is appended, and what the reader
 * makes of it is discarded anyway.
 */
export function readChunk(views: HeadViews, { start, end }: PackedEntry, into: SampleColumns): void {
  const { length } = into;
  try {
    decodeChunk(views.bytes, start, end, into);
  } catch (error) {
    if (!hasCode(error, "QUARTET_BLOCK_INVALID")) throw error;
    into.cut(length);
  }
}
