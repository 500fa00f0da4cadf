import type { Exemplar, Labels, SampleWrite, SeriesWrite } from "../model/index.ts";
import { ReverseWriter } from "./reverse-writer.ts";
import {
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
import { writeHistogram } from "./series-histogram-encode.ts";

const metricTypeNumbers = new Map(metricTypes.map((type, number) => [type, number]));

/**
 * The value of a record of the `series` stream: an uncompressed `io.prometheus.write.v2.Request`, which remote write passes on as it is.
 * The start timestamp stands in every sample and histogram, where 2.0-rc.4 has it. Labels are written in the order given, which `Labels` sorts.
 * @see Prometheus remote write 2.0 specification, "Protobuf Message"
 */
export function encodeSeriesBatch(writes: readonly SeriesWrite[]): Uint8Array {
  const symbols = createSymbols();
  const writer = new ReverseWriter(64 + writes.length * 64);
  for (let index = writes.length - 1; index >= 0; index -= 1) {
    const { sizeBytes } = writer;
    writeSeries(writer, writes[index]!, symbols);
    writer.message(fieldTimeSeries, sizeBytes);
  }
  for (let index = symbols.texts.length - 1; index >= 0; index -= 1) {
    writer.string(symbols.texts[index]!);
    writer.tag(fieldSymbols, 2);
  }
  return writer.take();
}

interface Symbols {
  /** By number; the first is "", as the specification asks. */
  readonly texts: readonly string[];
  numberOf(text: string): number;
}

function createSymbols(): Symbols {
  const texts = [""];
  const numbers = new Map([["", 0]]);
  return {
    texts,
    numberOf(text) {
      const known = numbers.get(text);
      if (known !== undefined) return known;
      numbers.set(text, texts.length);
      texts.push(text);
      return texts.length - 1;
    },
  };
}

function writeSeries(writer: ReverseWriter, write: SeriesWrite, symbols: Symbols): void {
  writeMetadata(writer, write, symbols);
  for (let index = write.exemplars.length - 1; index >= 0; index -= 1) {
    writeExemplar(writer, write.exemplars[index]!, symbols);
  }
  const histograms = write.histograms ?? [];
  for (let index = histograms.length - 1; index >= 0; index -= 1) {
    const { sizeBytes } = writer;
    writeHistogram(writer, histograms[index]!, write.startTimestampMs);
    writer.message(fieldHistograms, sizeBytes);
  }
  for (let index = write.samples.length - 1; index >= 0; index -= 1) {
    writeSample(writer, write.samples[index]!, write.startTimestampMs);
  }
  writeLabels(writer, fieldLabels, { labels: write.labels, symbols });
}

function writeMetadata(writer: ReverseWriter, { type, help, unit }: SeriesWrite, symbols: Symbols): void {
  const { sizeBytes } = writer;
  const unitNumber = symbols.numberOf(unit);
  const helpNumber = symbols.numberOf(help);
  if (unitNumber !== 0) {
    writer.varint(unitNumber);
    writer.tag(fieldMetadataUnit, 0);
  }
  if (helpNumber !== 0) {
    writer.varint(helpNumber);
    writer.tag(fieldMetadataHelp, 0);
  }
  writer.varint(metricTypeNumbers.get(type) ?? 0);
  writer.tag(fieldMetadataType, 0);
  writer.message(fieldMetadata, sizeBytes);
}

function writeSample(writer: ReverseWriter, sample: SampleWrite, startTimestampMs: number): void {
  const { sizeBytes } = writer;
  if (startTimestampMs !== 0) {
    writer.int64(startTimestampMs);
    writer.tag(fieldSampleStart, 0);
  }
  writer.int64(sample.timestampMs);
  writer.tag(fieldSampleTimestamp, 0);
  if (sample.isStale === true) writer.fixed64(staleLow, staleHigh);
  else writer.double(sample.value);
  writer.tag(fieldSampleValue, 1);
  writer.message(fieldSamples, sizeBytes);
}

function writeExemplar(
  writer: ReverseWriter,
  { labels, value, timestampMs }: Exemplar,
  symbols: Symbols,
): void {
  const { sizeBytes } = writer;
  writer.int64(timestampMs);
  writer.tag(fieldExemplarTimestamp, 0);
  writer.double(value);
  writer.tag(fieldExemplarValue, 1);
  writeLabels(writer, fieldExemplarLabels, { labels, symbols });
  writer.message(fieldExemplars, sizeBytes);
}

function writeLabels(
  writer: ReverseWriter,
  field: number,
  { labels, symbols }: { labels: Labels; symbols: Symbols },
): void {
  const { sizeBytes } = writer;
  for (let index = labels.length - 1; index >= 0; index -= 1) writer.varint(symbols.numberOf(labels[index]!));
  writer.message(field, sizeBytes);
}
