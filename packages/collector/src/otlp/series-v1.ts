import {
  customBucketsSchema,
  metricFamilyName,
  metricNameLabel,
  type Labels,
  type MetricMetadata,
  type MetricType,
} from "../model/index.ts";
import { ForwardWriter } from "./forward-writer.ts";
import {
  fieldExemplarLabels,
  fieldExemplars,
  fieldHistograms,
  fieldLabels,
  fieldMetadata,
  fieldMetadataHelp,
  fieldMetadataType,
  fieldMetadataUnit,
  fieldSamples,
  fieldSampleStart,
  histogramFields,
  metricTypes,
} from "./series-fields.ts";
import type { WriteCounts } from "./series-merge.ts";
import {
  type ExternalLabels,
  invalidSeries,
  openSeriesRecord,
  placeExternalLabels,
  readReference,
  type SeriesRecord,
} from "./series-record.ts";
import { wireVarint } from "./wire.ts";

// Fields of prometheus.WriteRequest, TimeSeries and Label. Within Sample, Exemplar and Histogram 1.0 and 2.0 agree.
const tagTimeSeries = 8 + 2;
const tagLabels = 8 + 2;
const tagSamples = 2 * 8 + 2;
const tagExemplars = 3 * 8 + 2;
const tagHistograms = 4 * 8 + 2;
const tagName = 8 + 2;
const tagValue = 2 * 8 + 2;

/**
 * Makes one remote write 1.0 request of several records of the `series` stream: labels are written out, start timestamps
 * left out. Native histograms with custom bounds are left out and counted, as 1.0 does not know them.
 * `describe` hears of the metadata of each series. `part` takes some series of each record only, by their numbers, the second
 * not included.
 * @throws CollectorError QUARTET_SERIES_INVALID
 * @see Prometheus remote write 1.0 specification
 */
export function encodeWriteRequestV1(
  payloads: readonly Uint8Array[],
  externalLabels: Labels,
  describe: (family: string, metadata: MetricMetadata) => void,
  part: { readonly from: number; readonly to: number } = { from: 0, to: Infinity },
): {
  readonly body: Buffer;
  readonly counts: WriteCounts;
  readonly customHistograms: number;
  readonly seriesCount: number;
} {
  try {
    const sizeBytes = payloads.reduce((sum, { length }) => sum + length, 0);
    const writer = new ForwardWriter(sizeBytes * 4);
    const external = encodeLabels(externalLabels);
    const counts = { samples: 0, histograms: 0, exemplars: 0 };
    const request: RequestV1 = { writer, external, counts, customHistograms: 0, describe };
    const records = payloads.map(openSeriesRecord);
    for (const record of records) {
      const places = placeExternalLabels(record, externalLabels);
      for (let at = part.from * 2; at < Math.min(part.to * 2, record.series.length); at += 2) {
        record.cursor.position = record.series[at]!;
        writeSeries(request, { record, places, end: record.series[at + 1]! });
      }
    }
    const seriesCount = records.reduce((sum, { series }) => sum + series.length / 2, 0);
    return { body: writer.take(), counts, customHistograms: request.customHistograms, seriesCount };
  } catch (cause) {
    throw invalidSeries(cause);
  }
}

interface RequestV1 {
  readonly writer: ForwardWriter;
  /** Each external label as a field of a series. */
  readonly external: readonly Buffer[];
  readonly counts: { samples: number; histograms: number; exemplars: number };
  customHistograms: number;
  readonly describe: (family: string, metadata: MetricMetadata) => void;
}

interface OneSeries {
  readonly record: SeriesRecord;
  readonly places: ExternalLabels;
  readonly end: number;
}

function encodeLabels(labels: Labels): Buffer[] {
  const encoded: Buffer[] = [];
  for (let at = 0; at < labels.length; at += 2) {
    const writer = new ForwardWriter(64);
    const content = writer.beginMessage(tagLabels);
    for (const [tag, text] of [
      [tagName, labels[at]!],
      [tagValue, labels[at + 1]!],
    ] as const) {
      const bytes = Buffer.from(text);
      writer.field(tag, bytes, { start: 0, end: bytes.length });
    }
    writer.endMessage(content);
    encoded.push(writer.take());
  }
  return encoded;
}

function writeSeries(request: RequestV1, series: OneSeries): void {
  const { writer, counts } = request;
  const { record, end } = series;
  const { cursor } = record;
  const sizeBytes = writer.sizeBytes;
  const content = writer.beginMessage(tagTimeSeries);
  let name = "";
  let exemplars = 0;
  let values = 0;
  while (cursor.position < end) {
    switch (cursor.tag(end)) {
      case fieldLabels:
        cursor.content(end);
        name = writeLabels(request, series);
        break;
      case fieldSamples:
        copyWithout(record, { tag: tagSamples, dropped: fieldSampleStart, end: cursor.enter(end) }, writer);
        counts.samples += 1;
        values += 1;
        break;
      case fieldHistograms: {
        const histogramEnd = cursor.enter(end);
        if (hasCustomBounds(record, histogramEnd)) {
          request.customHistograms += 1;
          break;
        }
        copyWithout(
          record,
          { tag: tagHistograms, dropped: histogramFields.start, end: histogramEnd },
          writer,
        );
        counts.histograms += 1;
        values += 1;
        break;
      }
      case fieldExemplars:
        writeExemplar(request, record, cursor.enter(end));
        exemplars += 1;
        break;
      case fieldMetadata:
        describeSeries(request, { record, name, end: cursor.enter(end) });
        break;
      default:
        cursor.skip(end);
    }
  }
  if (values === 0) {
    writer.truncate(sizeBytes);
    return;
  }
  counts.exemplars += exemplars;
  writer.endMessage(content);
}

/** The labels are the content that the cursor has just passed. Gives the series' name. */
function writeLabels({ writer, external }: RequestV1, { record, places }: OneSeries): string {
  const { bytes, cursor, symbols } = record;
  const { end } = cursor;
  cursor.position = cursor.start;
  let name = "";
  let next = 0;
  const writeExternal = (until: number): void => {
    for (; next < until; next += 1) writer.copy(external[next]!, 0, external[next]!.length);
  };
  const writeText = (tag: number, reference: number): void =>
    writer.field(tag, bytes, { start: symbols[reference * 2]!, end: symbols[reference * 2 + 1]! });
  while (cursor.position < end) {
    const nameReference = readReference(record, end);
    const valueReference = readReference(record, end);
    if (places.count > next) {
      const { before, isSame } = places.placeOf(nameReference);
      writeExternal(before);
      if (isSame && next === before) next += 1;
    }
    if (textOf(record, nameReference) === metricNameLabel) name = textOf(record, valueReference);
    const content = writer.beginMessage(tagLabels);
    writeText(tagName, nameReference);
    writeText(tagValue, valueReference);
    writer.endMessage(content);
  }
  writeExternal(places.count);
  return name;
}

function textOf({ bytes, symbols }: SeriesRecord, reference: number): string {
  return bytes.toString("utf8", symbols[reference * 2], symbols[reference * 2 + 1]);
}

/** A message with all its fields but one. */
function copyWithout(
  { bytes, cursor }: SeriesRecord,
  { tag, dropped, end }: { readonly tag: number; readonly dropped: number; readonly end: number },
  writer: ForwardWriter,
): void {
  const content = writer.beginMessage(tag);
  while (cursor.position < end) {
    const start = cursor.position;
    const field = cursor.tag(end);
    cursor.skip(end);
    if (field !== dropped) writer.copy(bytes, start, cursor.position);
  }
  writer.endMessage(content);
}

/** Leaves the cursor at the end when so, and where it was otherwise. */
function hasCustomBounds({ cursor }: SeriesRecord, end: number): boolean {
  const start = cursor.position;
  let schema = 0;
  while (cursor.position < end) {
    if (cursor.tag(end) === histogramFields.schema && cursor.wireType === wireVarint)
      schema = cursor.sint64(end);
    else cursor.skip(end);
  }
  if (schema === customBucketsSchema) return true;
  cursor.position = start;
  return false;
}

function writeExemplar({ writer }: RequestV1, record: SeriesRecord, end: number): void {
  const { bytes, cursor, symbols } = record;
  const content = writer.beginMessage(tagExemplars);
  while (cursor.position < end) {
    const start = cursor.position;
    if (cursor.tag(end) !== fieldExemplarLabels) {
      cursor.skip(end);
      writer.copy(bytes, start, cursor.position);
      continue;
    }
    const labelsEnd = cursor.enter(end);
    while (cursor.position < labelsEnd) {
      const label = writer.beginMessage(tagLabels);
      for (const tag of [tagName, tagValue]) {
        const reference = readReference(record, labelsEnd);
        writer.field(tag, bytes, { start: symbols[reference * 2]!, end: symbols[reference * 2 + 1]! });
      }
      writer.endMessage(label);
    }
  }
  writer.endMessage(content);
}

function describeSeries(
  { describe }: RequestV1,
  { record, name, end }: { readonly record: SeriesRecord; readonly name: string; readonly end: number },
): void {
  const { cursor } = record;
  let type: MetricType = "unknown";
  let help = "";
  let unit = "";
  while (cursor.position < end) {
    const field = cursor.tag(end);
    cursor.expect(wireVarint);
    if (field === fieldMetadataHelp) help = textOf(record, readReference(record, end));
    else if (field === fieldMetadataUnit) unit = textOf(record, readReference(record, end));
    else {
      const value = cursor.varint(end);
      if (field === fieldMetadataType) type = metricTypes[value] ?? "unknown";
    }
  }
  if (name !== "" && (type !== "unknown" || help !== "")) {
    describe(metricFamilyName(name, type), { type, help, unit });
  }
}
