import {
  CollectorError,
  type Exemplar,
  type HistogramWrite,
  type MetricType,
  type SampleWrite,
  type SeriesWrite,
} from "../model/index.ts";
import { metricTypes, staleHigh, staleLow } from "./series-fields.ts";
import { decodeHistogram } from "./series-histogram-decode.ts";
import { decodeText } from "./text.ts";
import { WireCursor, wireFixed64, wireVarint } from "./wire.ts";

// Fields of prometheus.WriteRequest, TimeSeries, Label, Sample, Exemplar and MetricMetadata.
const fields = {
  timeSeries: 1,
  metadata: 3,
  labels: 1,
  samples: 2,
  exemplars: 3,
  histograms: 4,
  labelName: 1,
  labelValue: 2,
  sampleValue: 1,
  sampleTimestamp: 2,
  exemplarLabels: 1,
  exemplarValue: 2,
  exemplarTimestamp: 3,
  metadataType: 1,
  metadataFamily: 2,
  metadataHelp: 4,
  metadataUnit: 5,
} as const;

/** What a 1.0 sender says of a metric, apart from its series. */
export interface FamilyMetadata {
  readonly family: string;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

export interface RemoteWrite1 {
  /** Labels in the order in which they came. A series with samples and histograms comes as two writes. */
  readonly writes: readonly SeriesWrite[];
  readonly metadata: readonly FamilyMetadata[];
}

/**
 * Reads a request of remote write 1.0 (`prometheus.WriteRequest`). Text that is no UTF-8 is U+FFFF.
 * @throws CollectorError QUARTET_SERIES_INVALID
 * @see Prometheus remote write 1.0 specification, "Protocol"
 */
export function decodeRemoteWrite1(bytes: Uint8Array): RemoteWrite1 {
  const cursor = new WireCursor(bytes);
  const reader = {
    cursor,
    buffer: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  };
  const writes: SeriesWrite[] = [];
  const metadata: FamilyMetadata[] = [];
  try {
    while (cursor.position < bytes.length) {
      const field = cursor.tag(bytes.length);
      if (field === fields.timeSeries) decodeSeries(reader, cursor.enter(bytes.length), writes);
      else if (field === fields.metadata) metadata.push(decodeMetadata(reader, cursor.enter(bytes.length)));
      else cursor.skip(bytes.length);
    }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new CollectorError("QUARTET_SERIES_INVALID", `the request is broken: ${message}`, { cause });
  }
  return { writes, metadata };
}

interface Reader {
  readonly cursor: WireCursor;
  readonly buffer: Buffer;
}

function decodeSeries(reader: Reader, end: number, into: SeriesWrite[]): void {
  const { cursor } = reader;
  const labels: string[] = [];
  const samples: SampleWrite[] = [];
  const histograms: HistogramWrite[] = [];
  const exemplars: Exemplar[] = [];
  while (cursor.position < end) {
    switch (cursor.tag(end)) {
      case fields.labels:
        decodeLabel(reader, cursor.enter(end), labels);
        break;
      case fields.samples:
        samples.push(decodeSample(cursor, cursor.enter(end)));
        break;
      case fields.exemplars:
        exemplars.push(decodeExemplar(reader, cursor.enter(end)));
        break;
      case fields.histograms:
        // Its fields are those of 2.0.
        histograms.push(decodeHistogram(cursor, cursor.enter(end)).write);
        break;
      default:
        cursor.skip(end);
    }
  }
  const plain = { labels, type: "unknown", help: "", unit: "", startTimestampMs: 0 } as const;
  if (histograms.length === 0) into.push({ ...plain, samples, exemplars });
  else {
    if (samples.length > 0) into.push({ ...plain, samples, exemplars: [] });
    into.push({ ...plain, samples: [], histograms, exemplars });
  }
}

function decodeLabel({ cursor, buffer }: Reader, end: number, into: string[]): void {
  let name = "";
  let value = "";
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fields.labelName || field === fields.labelValue) {
      cursor.content(end);
      const text = decodeText(buffer, cursor.start, cursor.end);
      if (field === fields.labelName) name = text;
      else value = text;
    } else cursor.skip(end);
  }
  into.push(name, value);
}

function decodeSample(cursor: WireCursor, end: number): SampleWrite {
  let value = 0;
  let isStale = false;
  let timestampMs = 0;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fields.sampleValue) {
      cursor.expect(wireFixed64);
      const start = cursor.fixed(8, end);
      value = cursor.view.getFloat64(start, true);
      isStale =
        cursor.view.getUint32(start, true) === staleLow &&
        cursor.view.getUint32(start + 4, true) === staleHigh;
    } else if (field === fields.sampleTimestamp) timestampMs = cursor.int64Field(end);
    else cursor.skip(end);
  }
  return isStale ? { timestampMs, value: Number.NaN, isStale } : { timestampMs, value };
}

function decodeExemplar(reader: Reader, end: number): Exemplar {
  const { cursor } = reader;
  const labels: string[] = [];
  let value = 0;
  let timestampMs = 0;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fields.exemplarLabels) decodeLabel(reader, cursor.enter(end), labels);
    else if (field === fields.exemplarValue) value = cursor.doubleField(end);
    else if (field === fields.exemplarTimestamp) timestampMs = cursor.int64Field(end);
    else cursor.skip(end);
  }
  return { labels, value, timestampMs };
}

function decodeMetadata({ cursor, buffer }: Reader, end: number): FamilyMetadata {
  let type: MetricType = "unknown";
  const texts = { family: "", help: "", unit: "" };
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fields.metadataType) {
      cursor.expect(wireVarint);
      // The numbers are those of 2.0.
      type = metricTypes[cursor.varint(end)] ?? "unknown";
      continue;
    }
    const name = textField(field);
    if (name === undefined) {
      cursor.skip(end);
      continue;
    }
    cursor.content(end);
    texts[name] = decodeText(buffer, cursor.start, cursor.end);
  }
  return { type, ...texts };
}

function textField(field: number): "family" | "help" | "unit" | undefined {
  if (field === fields.metadataFamily) return "family";
  if (field === fields.metadataHelp) return "help";
  return field === fields.metadataUnit ? "unit" : undefined;
}
