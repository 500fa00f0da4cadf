import { CollectorError, type Labels } from "../model/index.ts";
import { fieldSymbols, fieldTimeSeries } from "./series-fields.ts";
import { WireCursor } from "./wire.ts";

/** A record of the `series` stream taken apart: where its symbols and its series are. */
export interface SeriesRecord {
  readonly bytes: Buffer;
  readonly cursor: WireCursor;
  /** Start and end of each symbol, in turn. */
  readonly symbols: readonly number[];
  /** Start and end of the content of each series, in turn. */
  readonly series: readonly number[];
}

/** @throws CollectorError QUARTET_OTLP_INVALID */
export function openSeriesRecord(payload: Uint8Array): SeriesRecord {
  const cursor = new WireCursor(payload);
  const symbols: number[] = [];
  const series: number[] = [];
  while (cursor.position < payload.length) {
    const field = cursor.tag(payload.length);
    if (field !== fieldSymbols && field !== fieldTimeSeries) {
      cursor.skip(payload.length);
      continue;
    }
    cursor.content(payload.length);
    (field === fieldSymbols ? symbols : series).push(cursor.start, cursor.end);
  }
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return { bytes, cursor, symbols, series };
}

/** Reads the next reference of packed ones. @throws CollectorError when there is no such symbol. */
export function readReference({ cursor, symbols }: SeriesRecord, end: number): number {
  const reference = cursor.varint(end);
  if (reference * 2 >= symbols.length) cursor.fail(`there is no symbol ${reference}`);
  return reference;
}

/** Where labels that every series gets belong among a series' own, which are ascending by name. */
export interface ExternalLabels {
  readonly count: number;
  /** How many of them come before this name, and whether the next one is this name: then the series' own label stands. */
  placeOf(reference: number): { readonly before: number; readonly isSame: boolean };
}

/** Places are found once for each symbol of the record. @see Prometheus, external_labels: they never replace a label. */
export function placeExternalLabels({ bytes, symbols }: SeriesRecord, labels: Labels): ExternalLabels {
  const names = labels.filter((_text, index) => index % 2 === 0);
  const places: { readonly before: number; readonly isSame: boolean }[] = [];
  return {
    count: names.length,
    placeOf(reference) {
      const known = places[reference];
      if (known !== undefined) return known;
      const name = bytes.toString("utf8", symbols[reference * 2], symbols[reference * 2 + 1]);
      const before = names.filter((external) => external < name).length;
      return (places[reference] = { before, isSame: names[before] === name });
    },
  };
}

/** The error of everything that reads records of the `series` stream. */
export function invalidSeries(cause: unknown): CollectorError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CollectorError("QUARTET_SERIES_INVALID", `a series record is broken: ${message}`, { cause });
}
