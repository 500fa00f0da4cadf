import {
  type Exemplar,
  type HistogramWrite,
  type Labels,
  type SampleWrite,
  type SeriesWrite,
} from "../model/index.ts";
import {
  fieldCreated,
  fieldExemplarLabels,
  fieldExemplars,
  fieldExemplarTimestamp,
  fieldExemplarValue,
  fieldHistograms,
  fieldLabels,
  fieldMetadata,
  fieldMetadataHelp,
  fieldMetadataType,
  fieldMetadataUnit,
  fieldSamples,
  fieldSampleStart,
  fieldSampleTimestamp,
  fieldSampleValue,
  fieldSymbols,
  fieldTimeSeries,
  metricTypes,
  staleHigh,
  staleLow,
} from "./series-fields.ts";
import { decodeHistogram } from "./series-histogram-decode.ts";
import { invalidSeries } from "./series-record.ts";
import { decodeText } from "./text.ts";
import { WireCursor, wireFixed64, wireVarint } from "./wire.ts";

/**
 * Reads what `encodeSeriesBatch` wrote, and any remote write 2.0 request.
 * A series whose samples have several start timestamps, or histograms among them, comes as several writes in its order.
 * Text that is no UTF-8 is U+FFFF.
 * @throws CollectorError QUARTET_SERIES_INVALID
 */
export function decodeSeriesBatch(bytes: Uint8Array): readonly SeriesWrite[] {
  try {
    return decodeBatch(bytes);
  } catch (cause) {
    throw invalidSeries(cause);
  }
}

function decodeBatch(bytes: Uint8Array): SeriesWrite[] {
  const symbols: string[] = [];
  /** Start and end of each series: symbols may come behind them. */
  const ranges: number[] = [];
  const cursor = new WireCursor(bytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  while (cursor.position < bytes.length) {
    const field = cursor.tag(bytes.length);
    if (field === fieldSymbols) {
      cursor.content(bytes.length);
      symbols.push(decodeText(buffer, cursor.start, cursor.end));
    } else if (field === fieldTimeSeries) {
      cursor.content(bytes.length);
      ranges.push(cursor.start, cursor.end);
    } else {
      cursor.skip(bytes.length);
    }
  }
  const writes: SeriesWrite[] = [];
  for (let index = 0; index < ranges.length; index += 2) {
    cursor.position = ranges[index]!;
    decodeSeries(cursor, { end: ranges[index + 1]!, symbols, into: writes });
  }
  return writes;
}

type Symbols = readonly string[];

/** Samples in a row that began at the same time and are of one kind. */
interface Run {
  readonly startMs: number;
  readonly samples: SampleWrite[];
  /** Mostly there is none: one shape for all that have no histograms. */
  readonly histograms?: HistogramWrite[];
}

function decodeSeries(
  cursor: WireCursor,
  { end, symbols, into }: { readonly end: number; readonly symbols: Symbols; readonly into: SeriesWrite[] },
): void {
  const labels: string[] = [];
  const runs: Run[] = [];
  const exemplars: Exemplar[] = [];
  const metadata = { type: 0, help: 0, unit: 0 };
  let createdMs = 0;
  while (cursor.position < end) {
    switch (cursor.tag(end)) {
      case fieldLabels:
        decodeReferences(cursor, { end, symbols, into: labels });
        break;
      case fieldSamples: {
        const { startMs, ...sample } = decodeSample(cursor, cursor.enter(end));
        const run = runs.at(-1);
        if (run?.startMs === startMs && run.histograms === undefined) run.samples.push(sample);
        else runs.push({ startMs, samples: [sample] });
        break;
      }
      case fieldHistograms: {
        const { startMs, write } = decodeHistogram(cursor, cursor.enter(end));
        const run = runs.at(-1);
        if (run?.startMs === startMs && run.histograms !== undefined) run.histograms.push(write);
        else runs.push({ startMs, samples: [], histograms: [write] });
        break;
      }
      case fieldExemplars:
        exemplars.push(decodeExemplar(cursor, cursor.enter(end), symbols));
        break;
      case fieldMetadata:
        decodeMetadata(cursor, cursor.enter(end), metadata);
        break;
      case fieldCreated:
        createdMs = cursor.int64Field(end);
        break;
      default:
        cursor.skip(end);
    }
  }
  if (runs.length === 0) runs.push({ startMs: 0, samples: [] });
  const described = {
    labels: pairs(labels),
    type: metricTypes[metadata.type] ?? "unknown",
    help: symbolAt(symbols, metadata.help),
    unit: symbolAt(symbols, metadata.unit),
  };
  for (const [index, { startMs, ...run }] of runs.entries()) {
    into.push({
      ...described,
      startTimestampMs: startMs === 0 ? createdMs : startMs,
      ...run,
      exemplars: index === runs.length - 1 ? exemplars : [],
    });
  }
}

function pairs(labels: Labels): Labels {
  if (labels.length % 2 !== 0) throw new RangeError("the last label has no value");
  return labels;
}

function symbolAt(symbols: Symbols, number: number): string {
  const symbol = symbols[number];
  if (symbol !== undefined) return symbol;
  // Only a request without any symbol may do without the empty one.
  if (number === 0) return "";
  throw new RangeError(`there is no symbol ${number}`);
}

interface References {
  readonly end: number;
  readonly symbols: Symbols;
  readonly into: string[];
}

/** References come packed, but protobuf lets them come one by one as well. */
function decodeReferences(cursor: WireCursor, { end, symbols, into }: References): void {
  if (cursor.wireType === wireVarint) {
    into.push(symbolAt(symbols, cursor.varint(end)));
    return;
  }
  const contentEnd = cursor.enter(end);
  while (cursor.position < contentEnd) into.push(symbolAt(symbols, cursor.varint(contentEnd)));
}

function decodeSample(cursor: WireCursor, end: number): SampleWrite & { readonly startMs: number } {
  let value = 0;
  let isStale = false;
  let timestampMs = 0;
  let startMs = 0;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fieldSampleValue) {
      cursor.expect(wireFixed64);
      const start = cursor.fixed(8, end);
      value = cursor.view.getFloat64(start, true);
      isStale =
        cursor.view.getUint32(start, true) === staleLow &&
        cursor.view.getUint32(start + 4, true) === staleHigh;
    } else if (field === fieldSampleTimestamp) timestampMs = cursor.int64Field(end);
    else if (field === fieldSampleStart) startMs = cursor.int64Field(end);
    else cursor.skip(end);
  }
  return isStale ? { timestampMs, value: Number.NaN, isStale, startMs } : { timestampMs, value, startMs };
}

function decodeExemplar(cursor: WireCursor, end: number, symbols: Symbols): Exemplar {
  const labels: string[] = [];
  let value = 0;
  let timestampMs = 0;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fieldExemplarLabels) decodeReferences(cursor, { end, symbols, into: labels });
    else if (field === fieldExemplarValue) {
      cursor.expect(wireFixed64);
      value = cursor.view.getFloat64(cursor.fixed(8, end), true);
    } else if (field === fieldExemplarTimestamp) timestampMs = cursor.int64Field(end);
    else cursor.skip(end);
  }
  return { labels: pairs(labels), value, timestampMs };
}

function decodeMetadata(
  cursor: WireCursor,
  end: number,
  into: { type: number; help: number; unit: number },
): void {
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (cursor.wireType !== wireVarint) cursor.skip(end);
    else {
      const number = cursor.varint(end);
      if (field === fieldMetadataType) into.type = number;
      else if (field === fieldMetadataHelp) into.help = number;
      else if (field === fieldMetadataUnit) into.unit = number;
    }
  }
}
