import type { Labels } from "../model/index.ts";
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
  fieldSymbols,
  fieldTimeSeries,
} from "./series-fields.ts";
import {
  type ExternalLabels,
  invalidSeries,
  openSeriesRecord,
  placeExternalLabels,
  readReference,
  type SeriesRecord,
} from "./series-record.ts";
import { wireVarint } from "./wire.ts";

/** What a request holds, in the units of the `X-Prometheus-Remote-Write-*-Written` headers. */
export interface WriteCounts {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

const tagOf = (field: number): number => field * 8 + 2;
const tagSymbols = tagOf(fieldSymbols);

/** A request under way. */
interface Merge {
  readonly writer: ForwardWriter;
  /** Numbers of the symbols, by their bytes. */
  readonly numbers: Map<string, number>;
  readonly external: readonly number[];
  readonly counts: { samples: number; histograms: number; exemplars: number };
}

/**
 * Makes one remote write 2.0 request of several records of the `series` stream: one table of symbols, and references
 * rewritten to it; everything else is copied. Series without samples are left out, as receivers refuse them.
 * @throws CollectorError QUARTET_SERIES_INVALID
 */
export function mergeSeriesBatches(
  payloads: readonly Uint8Array[],
  externalLabels: Labels = [],
): { readonly body: Buffer; readonly counts: WriteCounts } {
  try {
    const sizeBytes = payloads.reduce((sum, { length }) => sum + length, 0);
    const writer = new ForwardWriter(sizeBytes + sizeBytes / 8 + 64);
    const numbers = new Map<string, number>();
    writer.varint(tagSymbols);
    writer.varint(0);
    numbers.set("", 0);
    const records = payloads.map(openSeriesRecord);
    const tables = records.map((record) => addSymbols(record, writer, numbers));
    const external = addExternal(externalLabels, writer, numbers);
    const merge: Merge = { writer, numbers, external, counts: { samples: 0, histograms: 0, exemplars: 0 } };
    for (const [index, record] of records.entries()) {
      const places = placeExternalLabels(record, externalLabels);
      for (let at = 0; at < record.series.length; at += 2) {
        record.cursor.position = record.series[at]!;
        writeSeries(merge, { record, table: tables[index]!, places, end: record.series[at + 1]! });
      }
    }
    return { body: writer.take(), counts: merge.counts };
  } catch (cause) {
    throw invalidSeries(cause);
  }
}

/** Gives the record's symbols numbers in the request, writing those that are new. */
function addSymbols(
  { bytes, symbols }: SeriesRecord,
  writer: ForwardWriter,
  numbers: Map<string, number>,
): Uint32Array {
  const table = new Uint32Array(symbols.length / 2);
  for (let at = 0; at < symbols.length; at += 2) {
    const [start, end] = [symbols[at]!, symbols[at + 1]!];
    // Bytes as text, one to one, without a look at what they mean.
    const key = bytes.toString("latin1", start, end);
    let number = numbers.get(key);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(key, number);
      writer.field(tagSymbols, bytes, { start, end });
    }
    table[at >> 1] = number;
  }
  return table;
}

function addExternal(labels: Labels, writer: ForwardWriter, numbers: Map<string, number>): number[] {
  return labels.map((text) => {
    const bytes = Buffer.from(text);
    const key = bytes.toString("latin1");
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, numbers.size);
    writer.field(tagSymbols, bytes, { start: 0, end: bytes.length });
    return numbers.size - 1;
  });
}

interface OneSeries {
  readonly record: SeriesRecord;
  readonly table: Uint32Array;
  readonly places: ExternalLabels;
  readonly end: number;
}

function writeSeries(merge: Merge, series: OneSeries): void {
  const { writer, counts } = merge;
  const { bytes, cursor } = series.record;
  const { end } = series;
  const sizeBytes = writer.sizeBytes;
  const content = writer.beginMessage(tagOf(fieldTimeSeries));
  let exemplars = 0;
  let values = 0;
  while (cursor.position < end) {
    const start = cursor.position;
    const field = cursor.tag(end);
    switch (field) {
      case fieldLabels:
        cursor.content(end);
        writeLabels(merge, series);
        break;
      case fieldSamples:
      case fieldHistograms:
        cursor.content(end);
        writer.copy(bytes, start, cursor.end);
        values += 1;
        if (field === fieldSamples) counts.samples += 1;
        else counts.histograms += 1;
        break;
      case fieldExemplars: {
        const exemplarEnd = cursor.enter(end);
        writeExemplar(merge, series, exemplarEnd);
        exemplars += 1;
        break;
      }
      case fieldMetadata: {
        const metadataEnd = cursor.enter(end);
        writeMetadata(merge, series, metadataEnd);
        break;
      }
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

/** The labels are the content that the cursor has just passed. */
function writeLabels({ writer, external }: Merge, { record, table, places }: OneSeries): void {
  const { cursor } = record;
  const { end } = cursor;
  cursor.position = cursor.start;
  const content = writer.beginMessage(tagOf(fieldLabels));
  let next = 0;
  const writeExternal = (until: number): void => {
    for (; next < until; next += 1) {
      writer.varint(external[next * 2]!);
      writer.varint(external[next * 2 + 1]!);
    }
  };
  while (cursor.position < end) {
    const name = readReference(record, end);
    if (places.count > next) {
      const { before, isSame } = places.placeOf(name);
      writeExternal(before);
      if (isSame && next === before) next += 1;
    }
    writer.varint(table[name]!);
    writer.varint(table[readReference(record, end)]!);
  }
  writeExternal(places.count);
  writer.endMessage(content);
}

function writeExemplar({ writer }: Merge, { record, table }: OneSeries, end: number): void {
  const { bytes, cursor } = record;
  const content = writer.beginMessage(tagOf(fieldExemplars));
  while (cursor.position < end) {
    const start = cursor.position;
    if (cursor.tag(end) === fieldExemplarLabels) {
      const labelsEnd = cursor.enter(end);
      const labels = writer.beginMessage(tagOf(fieldExemplarLabels));
      while (cursor.position < labelsEnd) writer.varint(table[readReference(record, labelsEnd)]!);
      writer.endMessage(labels);
    } else {
      cursor.skip(end);
      writer.copy(bytes, start, cursor.position);
    }
  }
  writer.endMessage(content);
}

function writeMetadata({ writer }: Merge, { record, table }: OneSeries, end: number): void {
  const { cursor } = record;
  const content = writer.beginMessage(tagOf(fieldMetadata));
  while (cursor.position < end) {
    const field = cursor.tag(end);
    cursor.expect(wireVarint);
    const isReference = field === fieldMetadataHelp || field === fieldMetadataUnit;
    const value = isReference ? table[readReference(record, end)]! : cursor.varint(end);
    if (isReference || field === fieldMetadataType) {
      writer.varint(field * 8);
      writer.varint(value);
    }
  }
  writer.endMessage(content);
}
