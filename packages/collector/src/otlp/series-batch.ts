import {
  CollectorError,
  type Exemplar,
  type Labels,
  type MetricType,
  type SampleWrite,
  type SeriesWrite,
} from "../model/index.ts";
import { ByteWriter } from "./byte-writer.ts";
import { wireBytes, WireCursor } from "./wire.ts";

// The numbers of io.prometheus.write.v2.Metadata.MetricType.
const metricTypes: readonly MetricType[] = [
  "unknown",
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
];
const staleBits = 0x7ff0_0000_0000_0002n;

/**
 * The value of a record of the `series` stream: `io.prometheus.write.v2.Request`, so that remote write passes it on as it is.
 * @see Prometheus remote write 2.0 specification
 */
export function encodeSeriesBatch(writes: readonly SeriesWrite[]): Uint8Array {
  const symbols = new Map<string, number>([["", 0]]);
  const symbolOf = (text: string): number => {
    const known = symbols.get(text);
    if (known !== undefined) return known;
    symbols.set(text, symbols.size);
    return symbols.size - 1;
  };
  const series = writes.map((write) => encodeSeries(write, symbolOf));
  const request = new ByteWriter();
  for (const symbol of symbols.keys()) request.bytes(4, Buffer.from(symbol));
  for (const one of series) request.bytes(5, one);
  return request.take();
}

function encodeSeries(write: SeriesWrite, symbolOf: (text: string) => number): Uint8Array {
  const writer = new ByteWriter();
  writer.bytes(1, encodeReferences(write.labels, symbolOf));
  for (const sample of write.samples) {
    const one = new ByteWriter();
    one.tag(1, 1);
    if (sample.isStale === true) one.raw64(staleBits);
    else one.rawDouble(sample.value);
    one.tag(2, 0);
    one.bigVarint(BigInt(sample.timestampMs));
    if (write.startTimestampMs !== 0) {
      one.tag(3, 0);
      one.bigVarint(BigInt(write.startTimestampMs));
    }
    writer.bytes(2, one.take());
  }
  for (const exemplar of write.exemplars) {
    const one = new ByteWriter();
    one.bytes(1, encodeReferences(exemplar.labels, symbolOf));
    one.tag(2, 1);
    one.rawDouble(exemplar.value);
    one.tag(3, 0);
    one.bigVarint(BigInt(exemplar.timestampMs));
    writer.bytes(4, one.take());
  }
  const metadata = new ByteWriter();
  metadata.tag(1, 0);
  metadata.varint(metricTypes.indexOf(write.type));
  metadata.tag(3, 0);
  metadata.varint(symbolOf(write.help));
  metadata.tag(4, 0);
  metadata.varint(symbolOf(write.unit));
  writer.bytes(5, metadata.take());
  return writer.take();
}

function encodeReferences(labels: Labels, symbolOf: (text: string) => number): Uint8Array {
  const references = new ByteWriter();
  for (const text of labels) references.varint(symbolOf(text));
  return references.take();
}

/**
 * Reads what `encodeSeriesBatch` wrote, and any remote write 2.0 request without native histograms.
 * @throws CollectorError QUARTET_SERIES_INVALID
 */
export function decodeSeriesBatch(bytes: Uint8Array): readonly SeriesWrite[] {
  try {
    return decodeBatch(bytes);
  } catch (cause) {
    throw new CollectorError(
      "QUARTET_SERIES_INVALID",
      `a series record is broken: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function decodeBatch(bytes: Uint8Array): SeriesWrite[] {
  const symbols: string[] = [];
  const ranges: number[] = [];
  const cursor = new WireCursor(bytes);
  while (cursor.position < bytes.length) {
    cursor.tag(bytes.length);
    if (cursor.field === 4) {
      cursor.content(bytes.length);
      symbols.push(
        Buffer.from(bytes.buffer, bytes.byteOffset + cursor.start, cursor.end - cursor.start).toString(),
      );
    } else if (cursor.field === 5) {
      cursor.content(bytes.length);
      ranges.push(cursor.start, cursor.end);
    } else {
      cursor.skip(bytes.length);
    }
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const writes: SeriesWrite[] = [];
  for (let index = 0; index < ranges.length; index += 2) {
    cursor.position = ranges[index]!;
    writes.push(decodeSeries({ cursor, view, symbols, end: ranges[index + 1]! }));
  }
  return writes;
}

interface Part {
  readonly cursor: WireCursor;
  readonly view: DataView;
  readonly symbols: readonly string[];
  readonly end: number;
}

function decodeSeries(part: Part): SeriesWrite {
  const { cursor, symbols, end } = part;
  let labels: Labels = [];
  const samples: SampleWrite[] = [];
  const exemplars: Exemplar[] = [];
  let startTimestampMs = 0;
  let metadata = { type: 0, help: 0, unit: 0 };
  while (cursor.position < end) {
    cursor.tag(end);
    if (cursor.wireType !== wireBytes) {
      cursor.skip(end);
      continue;
    }
    cursor.content(end);
    const contentEnd = cursor.end;
    cursor.position = cursor.start;
    const inner = { ...part, end: contentEnd };
    if (cursor.field === 1) labels = decodeReferences(inner);
    else if (cursor.field === 2) {
      const { startMs, sample } = decodeSample(inner);
      samples.push(sample);
      if (startMs !== 0) startTimestampMs = startMs;
    } else if (cursor.field === 4) exemplars.push(decodeExemplar(inner));
    else if (cursor.field === 5) metadata = decodeMetadata(inner);
    cursor.position = contentEnd;
  }
  return {
    labels,
    samples,
    exemplars,
    startTimestampMs,
    type: metricTypes[metadata.type] ?? "unknown",
    help: symbolAt(symbols, metadata.help),
    unit: symbolAt(symbols, metadata.unit),
  };
}

function symbolAt(symbols: readonly string[], index: number): string {
  const symbol = symbols[index];
  if (symbol === undefined && index !== 0) throw new Error(`there is no symbol ${index}`);
  return symbol ?? "";
}

function decodeReferences({ cursor, symbols, end }: Part): Labels {
  const labels: string[] = [];
  while (cursor.position < end) labels.push(symbolAt(symbols, cursor.varint(end)));
  if (labels.length % 2 !== 0) throw new Error("a label lacks its value");
  return labels;
}

function signed(cursor: WireCursor, end: number): number {
  return Number(BigInt.asIntN(64, cursor.bigVarint(end)));
}

function decodeSample({ cursor, view, end }: Part): { sample: SampleWrite; startMs: number } {
  let value = 0;
  let isStale = false;
  let timestampMs = 0;
  let startMs = 0;
  while (cursor.position < end) {
    cursor.tag(end);
    if (cursor.field === 1) {
      const start = cursor.fixed(8, end);
      isStale = view.getUint32(start, true) === 2 && view.getUint32(start + 4, true) === 0x7ff0_0000;
      value = view.getFloat64(start, true);
    } else if (cursor.field === 2) timestampMs = signed(cursor, end);
    else if (cursor.field === 3) startMs = signed(cursor, end);
    else cursor.skip(end);
  }
  return { sample: isStale ? { timestampMs, value: Number.NaN, isStale } : { timestampMs, value }, startMs };
}

function decodeExemplar(part: Part): Exemplar {
  const { cursor, view, end } = part;
  let labels: Labels = [];
  let value = 0;
  let timestampMs = 0;
  while (cursor.position < end) {
    cursor.tag(end);
    if (cursor.field === 1) {
      cursor.content(end);
      const contentEnd = cursor.end;
      cursor.position = cursor.start;
      labels = decodeReferences({ ...part, end: contentEnd });
    } else if (cursor.field === 2) value = view.getFloat64(cursor.fixed(8, end), true);
    else if (cursor.field === 3) timestampMs = signed(cursor, end);
    else cursor.skip(end);
  }
  return { labels, value, timestampMs };
}

function decodeMetadata({ cursor, end }: Part): { type: number; help: number; unit: number } {
  const metadata = { type: 0, help: 0, unit: 0 };
  while (cursor.position < end) {
    cursor.tag(end);
    if (cursor.field === 1) metadata.type = cursor.varint(end);
    else if (cursor.field === 3) metadata.help = cursor.varint(end);
    else if (cursor.field === 4) metadata.unit = cursor.varint(end);
    else cursor.skip(end);
  }
  return metadata;
}
