import type { NativeHistogram, SeriesSamples, TimeRange } from "../../model/index.ts";
import { ChunkReader, ChunkWriter, damaged } from "./chunk-bytes.ts";
import { decodeIntegers, encodeIntegers } from "./integers.ts";
import {
  columnsOf,
  countsOf,
  hasLayout,
  histogramOf,
  layoutOf,
  readLayout,
  writeLayout,
  type HistogramLayout,
} from "./layout-of-histogram.ts";
import { decodeValues, encodeValues } from "./values.ts";

/**
 * A chunk: consecutive samples of one series, all floats or all native histograms of one layout.
 *
 *   format (a byte), number of samples, times as integers, if the format says so start times as integers, then
 *   floats: one column of values; histograms: the layout, then a column each of count, zero count, sum and every bucket
 *
 * A chunk does not say how long it is nor whether it is whole: its container has its length and checksum.
 */
const formatFloats = 1;
const formatHistograms = 2;
/** Added to a format: there is a column of start times. */
const withStarts = 4;

/** Short enough to be decoded for a single sample, long enough that what stands once costs little. */
export const samplesPerChunk = 240;

export interface EncodedChunk {
  readonly bytes: Uint8Array;
  /** Times of the first and the last sample, Unix ms. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly sampleCount: number;
}

/** Copies of columns of all lengths, which share a buffer where one of their own would cost more than what it holds. */
export class FloatPool {
  #floats = new Float64Array(0);
  #used = 0;

  copy(column: Float64Array): Float64Array {
    const { length } = column;
    // Very short ones lie in the object itself, and long ones would leave much of a buffer unused.
    if (length <= shortLength || length > longLength) return column.slice();
    if (this.#used + length > this.#floats.length) {
      this.#floats = new Float64Array(pooledLength);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += length;
    this.#floats.set(column, from);
    return this.#floats.subarray(from, this.#used);
  }
}

/** Stands for a pool where nothing need be copied. */
export const inPlace: Pick<FloatPool, "copy"> = { copy: (column) => column };

const shortLength = 8;
const longLength = 1_024;
const pooledLength = 16_384;

/** Samples of one series, as they are decoded chunk by chunk. */
export class SampleColumns {
  timestampsMs: Float64Array = new Float64Array(samplesPerChunk);
  values: Float64Array = new Float64Array(samplesPerChunk);
  /** 0 = unknown. Undefined when nobody asked for them. */
  startTimestampsMs: Float64Array | undefined;
  /** By place; undefined while there are only floats. */
  histograms: (NativeHistogram | undefined)[] | undefined;
  length = 0;

  constructor(options: { readonly hasStarts?: boolean } = {}) {
    if (options.hasStarts === true) this.startTimestampsMs = new Float64Array(samplesPerChunk);
  }

  clear(): void {
    this.length = 0;
    this.histograms = undefined;
  }

  /** Forgets the samples from place `length` on. */
  cut(length: number): void {
    this.length = length;
    if (this.histograms !== undefined) this.histograms.length = length;
  }

  /** Forgets all but the last sample. */
  keepLast(): void {
    const last = this.length - 1;
    if (last <= 0) return;
    for (const each of [this.timestampsMs, this.values, this.startTimestampsMs])
      each?.copyWithin(0, last, last + 1);
    this.histograms?.splice(0, last);
    this.cut(1);
  }

  /** Appends samples of one start time that are no histograms, with the bits of their values. */
  append(timestampsMs: Float64Array, values: Float64Array, startTimestampMs: number): void {
    const { length } = this;
    this.reserve(timestampsMs.length);
    this.timestampsMs.set(timestampsMs, length);
    this.values.set(values, length);
    this.length = length + timestampsMs.length;
    this.startTimestampsMs?.fill(startTimestampMs, length, this.length);
    if (this.histograms !== undefined) this.histograms.length = this.length;
  }

  /** The samples in arrays of their own; with `inPlace` in these, which the next read overwrites. */
  copy(pool: Pick<FloatPool, "copy">): Omit<SeriesSamples, "labels"> {
    const { length, histograms } = this;
    const timestampsMs = pool.copy(this.timestampsMs.subarray(0, length));
    const values = pool.copy(this.values.subarray(0, length));
    const starts =
      this.startTimestampsMs === undefined
        ? undefined
        : pool.copy(this.startTimestampsMs.subarray(0, length));
    return {
      timestampsMs,
      values,
      ...(histograms === undefined ? {} : { histograms }),
      ...(starts === undefined || starts.every((startMs) => startMs === 0)
        ? {}
        : { startTimestampsMs: starts }),
    };
  }

  /** Of the samples from place `from` on, keeps those inside the range. */
  keep(from: number, { startMs, endMs }: TimeRange): void {
    const { timestampsMs, values, histograms } = this;
    let first = from;
    while (first < this.length && timestampsMs[first]! < startMs) first += 1;
    let end = this.length;
    while (end > first && timestampsMs[end - 1]! > endMs) end -= 1;
    timestampsMs.copyWithin(from, first, end);
    values.copyWithin(from, first, end);
    this.startTimestampsMs?.copyWithin(from, first, end);
    histograms?.splice(end);
    histograms?.splice(from, first - from);
    this.length = from + (end - first);
  }

  /** Makes room for `count` more samples. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.values.length) return;
    const grow = (column: Float64Array) => {
      const grown = new Float64Array(Math.max(needed, column.length * 2));
      grown.set(column.subarray(0, this.length));
      return grown;
    };
    this.timestampsMs = grow(this.timestampsMs);
    this.values = grow(this.values);
    if (this.startTimestampsMs !== undefined) this.startTimestampsMs = grow(this.startTimestampsMs);
  }
}

const writer = new ChunkWriter();
const column = new Float64Array(samplesPerChunk);

/** The samples as chunks, ascending by time as they are. Times must be whole and within ±2^50 ms. */
export function encodeChunks(samples: Omit<SeriesSamples, "labels">): EncodedChunk[] {
  return Array.from(eachChunk(samples), (chunk) => ({ ...chunk, bytes: pooledCopy(chunk.bytes) }));
}

/** The same, one after another; the bytes of each are overwritten by the next. */
export function* eachChunk(samples: Omit<SeriesSamples, "labels">): Generator<EncodedChunk, void, void> {
  const { timestampsMs, histograms } = samples;
  for (let from = 0; from < timestampsMs.length;) {
    const first = histograms?.[from];
    const layout = first === undefined ? undefined : layoutOf(first);
    const endMost = Math.min(timestampsMs.length, from + samplesPerChunk);
    let end = from + 1;
    while (end < endMost && belongs(histograms?.[end], layout)) end += 1;
    yield encodeChunk(samples, layout, from, end);
    from = end;
  }
}

/** In Node's pool if it is small: the allocator would take as much again for each. */
function pooledCopy(bytes: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.from(bytes);
  return new Uint8Array(buffer, byteOffset, length);
}

function belongs(histogram: NativeHistogram | undefined, layout: HistogramLayout | undefined): boolean {
  if (histogram === undefined || layout === undefined) return histogram === layout;
  return hasLayout(histogram, layout);
}

function encodeChunk(
  { timestampsMs, values, histograms, startTimestampsMs }: Omit<SeriesSamples, "labels">,
  layout: HistogramLayout | undefined,
  from: number,
  end: number,
): EncodedChunk {
  const count = end - from;
  writer.rewind(0);
  const starts = startTimestampsMs?.subarray(from, end);
  const hasStarts = starts !== undefined && starts.some((startMs) => startMs !== 0);
  writer.byte((layout === undefined ? formatFloats : formatHistograms) + (hasStarts ? withStarts : 0));
  writer.varint(count);
  encodeIntegers(writer, timestampsMs.subarray(from, end), count);
  if (hasStarts) encodeIntegers(writer, starts, count);
  if (layout === undefined) encodeValues(writer, values, from, count);
  else {
    writeLayout(writer, layout);
    const rows = histograms!.slice(from, end).map((histogram) => countsOf(histogram!));
    for (let number = 0; number < columnsOf(layout); number += 1) {
      rows.forEach((row, at) => (column[at] = row[number]!));
      encodeValues(writer, column, 0, count);
    }
  }
  return {
    bytes: writer.bytes.subarray(0, writer.length),
    minMs: timestampsMs[from]!,
    maxMs: timestampsMs[end - 1]!,
    sampleCount: count,
  };
}

/** Appends the samples of the chunk between `offset` and `end` to `into`. @throws CollectorError QUARTET_BLOCK_INVALID */
export function decodeChunk(bytes: Uint8Array, offset: number, end: number, into: SampleColumns): void {
  const reader = new ChunkReader(bytes, offset, end);
  const said = reader.byte();
  const format = said & ~withStarts;
  if (format !== formatFloats && format !== formatHistograms) throw damaged(`it has format ${said}`);
  const count = reader.count(samplesPerChunk);
  const start = into.length;
  into.reserve(count);
  decodeIntegers(reader, into.timestampsMs, start, count);
  if (format !== said) {
    if (into.startTimestampsMs === undefined) decodeIntegers(reader, column, 0, count);
    else decodeIntegers(reader, into.startTimestampsMs, start, count);
  } else into.startTimestampsMs?.fill(0, start, start + count);
  if (format === formatFloats) {
    decodeValues(reader, into.values, start, count);
    if (into.histograms !== undefined) into.histograms.length = start + count;
  } else {
    into.histograms ??= new Array<NativeHistogram | undefined>(start).fill(undefined);
    into.values.fill(0, start, start + count);
    for (const histogram of decodeHistograms(reader, count)) into.histograms.push(histogram);
  }
  if (!reader.isDone) throw damaged("it has bytes behind its end");
  into.length = start + count;
}

function decodeHistograms(reader: ChunkReader, count: number): NativeHistogram[] {
  const layout = readLayout(reader);
  const rows = Array.from({ length: count }, (): number[] => []);
  for (let number = columnsOf(layout); number > 0; number -= 1) {
    decodeValues(reader, column, 0, count);
    rows.forEach((row, at) => row.push(column[at]!));
  }
  return rows.map((row) => histogramOf(layout, row));
}
