import type { HistogramBuckets, HistogramWrite } from "../model/index.ts";
import { ReverseWriter } from "./reverse-writer.ts";
import { histogramFields as fields, resetHints, staleHigh, staleLow } from "./series-fields.ts";

const resetHintNumbers = new Map(resetHints.map((hint, number) => [hint, number]));

/** The content of an `io.prometheus.write.v2.Histogram`; 1.0 numbers all but its start timestamp alike. */
export function writeHistogram(
  writer: ReverseWriter,
  { timestampMs, counts, histogram, isStale }: HistogramWrite,
  startTimestampMs: number,
): void {
  const isFloat = counts === "float";
  if (startTimestampMs !== 0) {
    writer.int64(startTimestampMs);
    writer.tag(fields.start, 0);
  }
  writeDoubles(writer, fields.customValues, histogram.customValues);
  writer.int64(timestampMs);
  writer.tag(fields.timestamp, 0);
  const hint = resetHintNumbers.get(histogram.counterResetHint) ?? 0;
  if (hint !== 0) {
    writer.varint(hint);
    writer.tag(fields.resetHint, 0);
  }
  for (const side of ["positive", "negative"] as const) {
    const buckets = histogram[side];
    if (isFloat) writeDoubles(writer, fields[side].counts, buckets.counts);
    else writeDeltas(writer, fields[side].deltas, buckets.counts);
    writeSpans(writer, fields[side].spans, buckets);
  }
  if (histogram.zeroCount !== 0) {
    if (isFloat) writer.double(histogram.zeroCount);
    else writer.varint(histogram.zeroCount);
    writer.tag(isFloat ? fields.zeroCountFloat : fields.zeroCountInteger, isFloat ? 1 : 0);
  }
  if (histogram.zeroThreshold !== 0) {
    writer.double(histogram.zeroThreshold);
    writer.tag(fields.zeroThreshold, 1);
  }
  if (histogram.schema !== 0) {
    writer.sint64(histogram.schema);
    writer.tag(fields.schema, 0);
  }
  if (isStale === true) writer.fixed64(staleLow, staleHigh);
  else writer.double(histogram.sum);
  writer.tag(fields.sum, 1);
  // Always there: which of the two tells integers from floats.
  if (isFloat) writer.double(histogram.count);
  else writer.varint(histogram.count);
  writer.tag(isFloat ? fields.countFloat : fields.countInteger, isFloat ? 1 : 0);
}

/** One histogram by itself, as `decodeHistogramSample` reads it. */
export function encodeHistogramSample(write: HistogramWrite): Buffer {
  const writer = new ReverseWriter(256);
  writeHistogram(writer, write, 0);
  return writer.take();
}

function writeDoubles(writer: ReverseWriter, field: number, values: readonly number[]): void {
  if (values.length === 0) return;
  const { sizeBytes } = writer;
  for (let at = values.length - 1; at >= 0; at -= 1) writer.double(values[at]!);
  writer.message(field, sizeBytes);
}

function writeDeltas(writer: ReverseWriter, field: number, counts: readonly number[]): void {
  if (counts.length === 0) return;
  const { sizeBytes } = writer;
  for (let at = counts.length - 1; at >= 0; at -= 1) writer.sint64(counts[at]! - (counts[at - 1] ?? 0));
  writer.message(field, sizeBytes);
}

/** A span is a run of consecutive buckets: its distance from the one before (the first: from 0), and its length. */
function writeSpans(writer: ReverseWriter, field: number, { indexes }: HistogramBuckets): void {
  let end = indexes.length;
  while (end > 0) {
    let start = end - 1;
    while (start > 0 && indexes[start - 1] === indexes[start]! - 1) start -= 1;
    const { sizeBytes } = writer;
    writer.varint(end - start);
    writer.tag(fields.spanLength, 0);
    const offset = start === 0 ? indexes[0]! : indexes[start]! - indexes[start - 1]! - 1;
    if (offset !== 0) {
      writer.sint64(offset);
      writer.tag(fields.spanOffset, 0);
    }
    writer.message(field, sizeBytes);
    end = start;
  }
}
