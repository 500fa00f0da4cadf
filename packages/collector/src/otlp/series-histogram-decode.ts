import type { HistogramBuckets, HistogramWrite } from "../model/index.ts";
import { histogramFields as fields, resetHints, staleHigh, staleLow } from "./series-fields.ts";
import { invalidSeries } from "./series-record.ts";
import { WireCursor, wireFixed64, wireVarint } from "./wire.ts";

/** One side of zero as it stands on the wire. */
interface Side {
  /** Offset and length of each span, in turn. */
  readonly spans: number[];
  readonly deltas: number[];
  readonly counts: number[];
}

/** The content of an `io.prometheus.write.v2.Histogram` up to `end`; `startMs` is 0 when there is none. */
export function decodeHistogram(
  cursor: WireCursor,
  end: number,
): { readonly startMs: number; readonly write: HistogramWrite } {
  const negative: Side = { spans: [], deltas: [], counts: [] };
  const positive: Side = { spans: [], deltas: [], counts: [] };
  const customValues: number[] = [];
  let [count, sum, schema, zeroThreshold, zeroCount, hint, timestampMs, startMs] = [0, 0, 0, 0, 0, 0, 0, 0];
  let isFloat = false;
  let isStale = false;
  while (cursor.position < end) {
    switch (cursor.tag(end)) {
      case fields.countInteger:
        count = unsigned(cursor, end);
        isFloat = false;
        break;
      case fields.countFloat:
        count = cursor.doubleField(end);
        isFloat = true;
        break;
      case fields.sum:
        sum = cursor.doubleField(end);
        isStale =
          cursor.view.getUint32(cursor.position - 8, true) === staleLow &&
          cursor.view.getUint32(cursor.position - 4, true) === staleHigh;
        break;
      case fields.schema:
        cursor.expect(wireVarint);
        schema = cursor.sint64(end);
        break;
      case fields.zeroThreshold:
        zeroThreshold = cursor.doubleField(end);
        break;
      case fields.zeroCountInteger:
        zeroCount = unsigned(cursor, end);
        break;
      case fields.zeroCountFloat:
        zeroCount = cursor.doubleField(end);
        break;
      case fields.negative.spans:
        decodeSpan(cursor, cursor.enter(end), negative.spans);
        break;
      case fields.negative.deltas:
        decodeDeltas(cursor, end, negative.deltas);
        break;
      case fields.negative.counts:
        decodeDoubles(cursor, end, negative.counts);
        break;
      case fields.positive.spans:
        decodeSpan(cursor, cursor.enter(end), positive.spans);
        break;
      case fields.positive.deltas:
        decodeDeltas(cursor, end, positive.deltas);
        break;
      case fields.positive.counts:
        decodeDoubles(cursor, end, positive.counts);
        break;
      case fields.resetHint:
        hint = unsigned(cursor, end);
        break;
      case fields.timestamp:
        timestampMs = cursor.int64Field(end);
        break;
      case fields.customValues:
        decodeDoubles(cursor, end, customValues);
        break;
      case fields.start:
        startMs = cursor.int64Field(end);
        break;
      default:
        cursor.skip(end);
    }
  }
  const histogram = {
    // A hint that is not known yet says nothing that could be relied on.
    counterResetHint: resetHints[hint] ?? "unknown",
    schema,
    zeroThreshold,
    zeroCount,
    count,
    sum,
    positive: bucketsOf(positive, isFloat),
    negative: bucketsOf(negative, isFloat),
    customValues,
  };
  const counts = isFloat ? "float" : "integer";
  return { startMs, write: { timestampMs, counts, histogram, ...(isStale ? { isStale } : {}) } };
}

/** @throws CollectorError QUARTET_SERIES_INVALID */
export function decodeHistogramSample(bytes: Uint8Array): HistogramWrite {
  try {
    return decodeHistogram(new WireCursor(bytes), bytes.length).write;
  } catch (cause) {
    throw invalidSeries(cause);
  }
}

function unsigned(cursor: WireCursor, end: number): number {
  cursor.expect(wireVarint);
  return cursor.varint(end);
}

function decodeSpan(cursor: WireCursor, end: number, into: number[]): void {
  let offset = 0;
  let length = 0;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (cursor.wireType !== wireVarint) cursor.skip(end);
    else if (field === fields.spanOffset) offset = cursor.sint64(end);
    else if (field === fields.spanLength) length = cursor.varint(end);
    else cursor.skip(end);
  }
  into.push(offset, length);
}

/** Repeated numbers come packed, but protobuf lets them come one by one as well. */
function decodeDeltas(cursor: WireCursor, end: number, into: number[]): void {
  if (cursor.wireType === wireVarint) {
    into.push(cursor.sint64(end));
    return;
  }
  const contentEnd = cursor.enter(end);
  while (cursor.position < contentEnd) into.push(cursor.sint64(contentEnd));
}

function decodeDoubles(cursor: WireCursor, end: number, into: number[]): void {
  if (cursor.wireType === wireFixed64) {
    into.push(cursor.doubleField(end));
    return;
  }
  const contentEnd = cursor.enter(end);
  while (cursor.position < contentEnd) {
    into.push(cursor.view.getFloat64(cursor.fixed(8, contentEnd), true));
  }
}

/** @throws RangeError when spans and counts do not belong together. */
function bucketsOf({ spans, deltas, counts }: Side, isFloat: boolean): HistogramBuckets {
  const numbers = isFloat ? counts : deltas;
  const indexes: number[] = [];
  let index = 0;
  for (let at = 0; at < spans.length; at += 2) {
    const offset = spans[at]!;
    const length = spans[at + 1]!;
    if (at > 0 && offset < 0) throw new RangeError("a span of buckets begins before the last one ends");
    // Looked at before anything is made of it: a span may claim billions of buckets.
    if (length > numbers.length - indexes.length) throw new RangeError("spans have more buckets than counts");
    index += offset;
    for (let count = 0; count < length; count += 1) indexes.push(index + count);
    index += length;
  }
  if (indexes.length !== numbers.length) throw new RangeError("there are more counts than buckets in spans");
  if (isFloat) return { indexes, counts };
  let before = 0;
  return { indexes, counts: deltas.map((delta) => (before += delta)) };
}
