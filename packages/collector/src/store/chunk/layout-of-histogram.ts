import type { CounterResetHint, HistogramBuckets, NativeHistogram } from "../../model/index.ts";
import { damaged, type ChunkReader, type ChunkWriter } from "./chunk-bytes.ts";

/** What the histograms of one chunk have in common: everything but their counts and sums. */
export type HistogramLayout = Pick<
  NativeHistogram,
  "counterResetHint" | "schema" | "zeroThreshold" | "customValues"
> & { readonly positive: readonly number[]; readonly negative: readonly number[] };

const hints: readonly CounterResetHint[] = ["unknown", "reset", "not_reset", "gauge"];
/** More than any sender is let through with (the head takes histograms of 16 KiB). */
const bucketsMax = 65_536;

export function layoutOf(histogram: NativeHistogram): HistogramLayout {
  const { counterResetHint, schema, zeroThreshold, customValues, positive, negative } = histogram;
  return {
    counterResetHint,
    schema,
    zeroThreshold,
    customValues,
    positive: positive.indexes,
    negative: negative.indexes,
  };
}

export function hasLayout(histogram: NativeHistogram, layout: HistogramLayout): boolean {
  return (
    histogram.counterResetHint === layout.counterResetHint &&
    histogram.schema === layout.schema &&
    histogram.zeroThreshold === layout.zeroThreshold &&
    areEqual(histogram.positive.indexes, layout.positive) &&
    areEqual(histogram.negative.indexes, layout.negative) &&
    areEqual(histogram.customValues, layout.customValues)
  );
}

function areEqual(left: readonly number[], right: readonly number[]): boolean {
  return left === right || (left.length === right.length && left.every((number, at) => number === right[at]));
}

export function writeLayout(writer: ChunkWriter, layout: HistogramLayout): void {
  writer.byte(hints.indexOf(layout.counterResetHint));
  writer.signed(layout.schema);
  writeFloats(writer, [layout.zeroThreshold]);
  writer.varint(layout.customValues.length);
  writeFloats(writer, layout.customValues);
  for (const indexes of [layout.positive, layout.negative]) {
    writer.varint(indexes.length);
    let before = 0;
    for (const index of indexes) {
      writer.signed(index - before);
      before = index;
    }
  }
}

/** @throws CollectorError QUARTET_BLOCK_INVALID */
export function readLayout(reader: ChunkReader): HistogramLayout {
  const counterResetHint = hints[reader.byte()];
  if (counterResetHint === undefined) throw damaged("it has an unknown kind of counter reset");
  const schema = reader.signed();
  const [zeroThreshold = 0] = readFloats(reader, 1);
  const customValues = readFloats(reader, reader.count(bucketsMax));
  const readIndexes = () => {
    let index = 0;
    return Array.from({ length: reader.count(bucketsMax) }, () => (index += reader.signed()));
  };
  return {
    counterResetHint,
    schema,
    zeroThreshold,
    customValues,
    positive: readIndexes(),
    negative: readIndexes(),
  };
}

function writeFloats(writer: ChunkWriter, floats: readonly number[]): void {
  writer.append(new Uint8Array(Float64Array.from(floats).buffer));
}

function readFloats(reader: ChunkReader, count: number): number[] {
  const start = reader.skip(count * 8);
  const floats = new Float64Array(count);
  new Uint8Array(floats.buffer).set(reader.bytes.subarray(start, start + count * 8));
  return Array.from(floats);
}

/** The histogram's counts and sum, in the order of a chunk's columns. */
export function countsOf({ count, zeroCount, sum, positive, negative }: NativeHistogram): number[] {
  return [count, zeroCount, sum, ...positive.counts, ...negative.counts];
}

/** How many columns a chunk with this layout has. */
export function columnsOf({ positive, negative }: HistogramLayout): number {
  return 3 + positive.length + negative.length;
}

/** The histogram with these counts, which stand in the order of `countsOf`. */
export function histogramOf(layout: HistogramLayout, counts: readonly number[]): NativeHistogram {
  const { counterResetHint, schema, zeroThreshold, customValues } = layout;
  const [count = 0, zeroCount = 0, sum = 0] = counts;
  const middle = 3 + layout.positive.length;
  const side = (indexes: readonly number[], from: number): HistogramBuckets => ({
    indexes,
    counts: counts.slice(from, from + indexes.length),
  });
  return {
    counterResetHint,
    schema,
    zeroThreshold,
    zeroCount,
    count,
    sum,
    positive: side(layout.positive, 3),
    negative: side(layout.negative, middle),
    customValues,
  };
}
