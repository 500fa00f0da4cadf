import type { MetricMetadata } from "../model/index.ts";
import { varintBytesMax, writeBytes, writeVarint, type ByteSink } from "./bytes.ts";
import type { CatalogueReader } from "./catalogue-reader.ts";
import { controlCatalogueLength, controlEpoch, growTo, type HeadViews } from "./layout.ts";
import { createSeriesIndex, type CatalogueSeries } from "./series-index.ts";

/** One entry of the catalogue's log; strings stand once, as symbols numbered in order of appearance. */
export const entrySymbol = 1;
/** Slot, generation, number of symbols, symbols: names and values of the labels. */
export const entryAdd = 2;
/** Slot, generation: the series has left. */
export const entryRemove = 3;
/** Symbols of metric name, type, help and unit. */
export const entryMetadata = 4;

/** Below this a log is not worth compacting. */
const compactBytesMin = 16 * 1024;

/** Tells readers which slot belongs to which label set; only the writer has one. Readers in its thread need no picture of their own. */
export interface CatalogueWriter extends CatalogueReader {
  /** Publishes a series. Gives it with shared strings in its labels, or undefined when the catalogue is full. */
  add<Series extends CatalogueSeries>(series: Series): Series | undefined;
  remove(series: CatalogueSeries): void;
  /** Publishes what is known of a metric; false when the catalogue is full. */
  describe(metric: string, metadata: MetricMetadata): boolean;
}

/**
 * The log only grows; when most of it is about series that have left, the living ones are written to the other
 * buffer and the epoch is raised, which tells readers to start again from there.
 */
export function createCatalogueWriter(views: HeadViews): CatalogueWriter {
  const index = createSeriesIndex();
  let symbols = new Map<string, number>();
  let strings: string[] = [];
  const metadataOf = new Map<string, MetricMetadata>();
  let epoch = 0;
  let log: ByteSink = sinkOf(0);
  let entriesLiving = 0;
  let entriesDead = 0;

  function sinkOf(which: number): ByteSink {
    const buffer = views.handle.catalogues[which]!;
    return { bytes: new Uint8Array(buffer, 0, buffer.byteLength), offset: 0 };
  }

  function reserve(sizeBytes: number): boolean {
    const needed = log.offset + sizeBytes;
    if (needed <= log.bytes.length) return true;
    const buffer = views.handle.catalogues[epoch % 2]!;
    if (!growTo(buffer, needed)) return false;
    log = { bytes: new Uint8Array(buffer, 0, buffer.byteLength), offset: log.offset };
    return true;
  }

  const publish = () => Atomics.store(views.control, controlCatalogueLength + (epoch % 2), log.offset);

  /** Number of the symbol, written before if it is new; the room was reserved. */
  function symbolOf(text: string): number {
    const known = symbols.get(text);
    if (known !== undefined) return known;
    writeVarint(log, entrySymbol);
    writeBytes(log, Buffer.from(text));
    const number = strings.length;
    strings.push(text);
    symbols.set(text, number);
    return number;
  }

  function writeEntry(kind: number, numbers: readonly number[], texts: readonly string[]): boolean {
    const textBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 2 * varintBytesMax, 0);
    const bytesMax = textBytes + varintBytesMax * (2 + numbers.length + texts.length);
    if (!reserve(bytesMax)) return false;
    const refs = texts.map(symbolOf);
    writeVarint(log, kind);
    for (const number of numbers) writeVarint(log, number);
    for (const ref of refs) writeVarint(log, ref);
    return true;
  }

  const writeAdd = ({ slot, generation, labels }: CatalogueSeries) =>
    writeEntry(entryAdd, [slot, generation, labels.length], labels);
  const writeMetadata = (metric: string, { type, help, unit }: MetricMetadata) =>
    writeEntry(entryMetadata, [], [metric, type, help, unit]);

  function compact(): void {
    symbols = new Map();
    strings = [];
    const next = epoch + 1;
    log = sinkOf(next % 2);
    epoch = next;
    const metrics = new Set<string>();
    entriesLiving = 0;
    for (const series of index.match([])) {
      writeAdd(series);
      entriesLiving += 1;
      metrics.add(series.labels[series.labels.indexOf("__name__") + 1] ?? "");
    }
    for (const [metric, metadata] of metadataOf) {
      // Histograms are described under their base name, their series are called …_bucket and so on.
      const isLiving = ["", "_bucket", "_sum", "_count"].some((suffix) => metrics.has(metric + suffix));
      if (isLiving) writeMetadata(metric, metadata);
      else metadataOf.delete(metric);
    }
    entriesDead = 0;
    publish();
    Atomics.store(views.control, controlEpoch, epoch);
  }

  /** Room was refused: a compaction may make some. */
  function retryAfterCompaction(write: () => boolean): boolean {
    if (write()) return true;
    if (entriesDead === 0) return false;
    compact();
    return write();
  }

  return {
    add(series) {
      if (!retryAfterCompaction(() => writeAdd(series))) return undefined;
      entriesLiving += 1;
      publish();
      const added = { ...series, labels: series.labels.map((text) => strings[symbols.get(text)!]!) };
      index.add(added);
      return added;
    },
    refresh: () => ({ index, metadata: metadataOf }),
    remove(series) {
      index.remove(series.slot, series.generation);
      entriesLiving -= 1;
      entriesDead += 2;
      if (entriesDead > entriesLiving && log.offset > compactBytesMin) {
        compact();
        return;
      }
      if (!writeEntry(entryRemove, [series.slot, series.generation], [])) compact();
      publish();
    },
    describe(metric, metadata) {
      const known = metadataOf.get(metric);
      // The first that says something wins: two services that describe a metric differently must not fill the log in turn.
      if (known !== undefined && !saysMore(metadata, known)) return true;
      if (known !== undefined) entriesDead += 1;
      const merged: MetricMetadata = {
        type: known === undefined || known.type === "unknown" ? metadata.type : known.type,
        help: known?.help || metadata.help,
        unit: known?.unit || metadata.unit,
      };
      if (!retryAfterCompaction(() => writeMetadata(metric, merged))) return false;
      metadataOf.set(metric, merged);
      publish();
      return true;
    },
  };
}

function saysMore(metadata: MetricMetadata, known: MetricMetadata): boolean {
  return (
    (known.type === "unknown" && metadata.type !== "unknown") ||
    (known.help === "" && metadata.help !== "") ||
    (known.unit === "" && metadata.unit !== "")
  );
}
