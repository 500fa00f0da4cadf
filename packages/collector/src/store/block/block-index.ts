import type { Labels } from "../../model/index.ts";
import { ChunkReader, ChunkWriter, damaged } from "../chunk/index.ts";
import { createSeriesIndex, type SeriesIndex } from "../series-index.ts";
import { crcBytes, type BlockFacts } from "./block-file.ts";

/** One chunk of a series as the index knows it. */
export interface ChunkPlace {
  readonly minMs: number;
  readonly maxMs: number;
  readonly sampleCount: number;
  /** Without its checksum. */
  readonly sizeBytes: number;
}

/** Collects the index of a block while its chunks are written. */
export class BlockIndexWriter {
  readonly #symbols = new Map<string, number>();
  readonly #series = new ChunkWriter();
  #seriesCount = 0;
  #chunkCount = 0;
  #sampleCount = 0;

  /** The next series, whose chunks stand in the file behind those of the one before. */
  add(labels: Labels, chunks: readonly ChunkPlace[]): void {
    const writer = this.#series;
    writer.varint(labels.length);
    for (const text of labels) writer.varint(this.#symbolOf(text));
    writer.varint(chunks.length);
    let beforeMs = 0;
    for (const { minMs, maxMs, sampleCount, sizeBytes } of chunks) {
      writer.signed(minMs - beforeMs);
      writer.varint(maxMs - minMs);
      writer.varint(sampleCount);
      writer.varint(sizeBytes);
      beforeMs = maxMs;
      this.#sampleCount += sampleCount;
    }
    this.#seriesCount += 1;
    this.#chunkCount += chunks.length;
  }

  /** `extra` is whatever else the file has to say, as JSON. */
  finish(
    range: { readonly startMs: number; readonly endMs: number },
    extra: object,
  ): {
    readonly facts: BlockFacts;
    readonly bytes: Uint8Array;
  } {
    const facts: BlockFacts = {
      startMs: range.startMs,
      endMs: range.endMs,
      seriesCount: this.#seriesCount,
      chunkCount: this.#chunkCount,
      sampleCount: this.#sampleCount,
    };
    const writer = new ChunkWriter();
    writeText(writer, JSON.stringify({ ...extra, facts }));
    writer.varint(this.#symbols.size);
    for (const symbol of this.#symbols.keys()) writeText(writer, symbol);
    writer.append(this.#series.bytes.subarray(0, this.#series.length));
    return { facts, bytes: writer.bytes.subarray(0, writer.length) };
  }

  #symbolOf(text: string): number {
    const known = this.#symbols.get(text);
    if (known !== undefined) return known;
    const number = this.#symbols.size;
    this.#symbols.set(text, number);
    return number;
  }
}

function writeText(writer: ChunkWriter, text: string): void {
  const bytes = Buffer.from(text);
  writer.varint(bytes.length);
  writer.append(bytes);
}

/** The index of a block in memory. Of the columns, entry i is about chunk i; those of one series stand side by side. */
export interface BlockIndex {
  readonly facts: BlockFacts;
  readonly extra: Readonly<Record<string, unknown>>;
  /** A series' slot is its number in the block. */
  readonly series: SeriesIndex;
  /** By number of the series: its first chunk; one more at the end. */
  readonly firstChunk: Uint32Array;
  readonly minMs: Float64Array;
  readonly maxMs: Float64Array;
  readonly sampleCounts: Uint32Array;
  /** Where each chunk begins in the file; one more at the end. Each is followed by its checksum. */
  readonly offsets: Float64Array;
}

/** @throws CollectorError QUARTET_BLOCK_INVALID */
export function decodeBlockIndex(bytes: Uint8Array): BlockIndex {
  const reader = new ChunkReader(bytes);
  const { facts, ...extra } = readFacts(reader);
  const symbols = Array.from({ length: reader.count(bytes.length) }, () => readText(reader));
  const { seriesCount, chunkCount } = facts;
  // Each takes at least a byte: what claims more must not cost its memory.
  if (seriesCount + chunkCount > bytes.length) throw damaged("its index is shorter than it claims");
  const series = createSeriesIndex();
  const firstChunk = new Uint32Array(seriesCount + 1);
  const minMs = new Float64Array(chunkCount);
  const maxMs = new Float64Array(chunkCount);
  const sampleCounts = new Uint32Array(chunkCount);
  const offsets = new Float64Array(chunkCount + 1);
  let chunk = 0;
  for (let number = 0; number < seriesCount; number += 1) {
    const labels = Array.from({ length: reader.count(bytes.length) }, () => {
      const symbol = symbols[reader.varint()];
      if (symbol === undefined) throw damaged("its index names a symbol that is not there");
      return symbol;
    });
    series.add({ slot: number, generation: 0, labels });
    firstChunk[number] = chunk;
    let beforeMs = 0;
    for (let left = reader.count(chunkCount - chunk); left > 0; left -= 1) {
      minMs[chunk] = beforeMs + reader.signed();
      beforeMs = maxMs[chunk] = minMs[chunk]! + reader.varint();
      sampleCounts[chunk] = reader.varint();
      offsets[chunk + 1] = offsets[chunk]! + reader.varint() + crcBytes;
      chunk += 1;
    }
  }
  firstChunk[seriesCount] = chunk;
  if (chunk !== chunkCount || !reader.isDone) throw damaged("its index does not hold what it claims");
  return { facts, extra, series, firstChunk, minMs, maxMs, sampleCounts, offsets };
}

function readFacts(reader: ChunkReader): { readonly facts: BlockFacts } & Readonly<Record<string, unknown>> {
  const text = readText(reader);
  try {
    return JSON.parse(text) as { readonly facts: BlockFacts };
  } catch (cause) {
    throw damaged(`its facts are no JSON: ${(cause as Error).message}`);
  }
}

function readText(reader: ChunkReader): string {
  const length = reader.varint();
  const start = reader.skip(length);
  return Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset + start, length).toString();
}
