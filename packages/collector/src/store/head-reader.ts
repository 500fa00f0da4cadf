import {
  CollectorError,
  labelValue,
  type Exemplar,
  type HeadStatistics,
  type Labels,
  type Matcher,
  type Queryable,
  type SelectOptions,
  type SeriesExemplars,
  type SeriesSamples,
  type TimeRange,
} from "../model/index.ts";
import { createCatalogueReader, type CatalogueReader } from "./catalogue-reader.ts";
import { FloatPool, inPlace, SampleColumns } from "./chunk/index.ts";
import { lowerBound, nextBlock, sampleCount, timesStart } from "./columns.ts";
import { readExemplars } from "./exemplars.ts";
import {
  blockFormat,
  blockInts,
  formatExemplars,
  formatFloatColumns,
  formatMixedColumns,
  formatPacked,
  HeadViews,
  slotFirstBlock,
  slotFirstExemplarBlock,
  slotInts,
  type HeadHandle,
} from "./layout.ts";
import { packedEndMs, packedEntries, packedStartMs, readChunk } from "./packed.ts";
import { readColumns } from "./read-columns.ts";
import { gone, readGuarded } from "./seqlock.ts";
import type { CatalogueSeries } from "./series-index.ts";

const everything: TimeRange = { startMs: -Infinity, endMs: Infinity };
const stepsBetweenLooks = 256;
const isExemplars = (format: number) => format === formatExemplars;

export interface HeadReader extends Queryable {
  statistics(): HeadStatistics;
  /**
   * Every series with a sample inside the range, one after another: together they may be too much. The arrays are those of the
   * reader, which its next read of any kind overwrites.
   */
  scan(range: TimeRange): Iterable<SeriesSamples>;
  /** The same for exemplars. */
  scanExemplars(range: TimeRange): Iterable<SeriesExemplars>;
}

/**
 * Reads the head of the store in any thread, while its writer goes on in another.
 * Each call sees every sample whose `ingest` returned before the call; the arrays it gives are the caller's own.
 * `known`: the catalogue, where this thread has it already.
 * @throws CollectorError QUARTET_PROMQL_EXECUTION when the handle is of another version, or the writer died inside a change;
 * QUARTET_REGEX_INVALID for a matcher that RE2 refuses.
 */
export function openHeadReader(handle: HeadHandle, known?: CatalogueReader): HeadReader {
  if (handle.layoutVersion !== 1) {
    throw new CollectorError("QUARTET_PROMQL_EXECUTION", `unknown layout ${String(handle.layoutVersion)}`);
  }
  const views = new HeadViews(handle);
  const catalogue = known ?? createCatalogueReader(views);
  /** What is read of one series. Kept between calls, so that a query allocates only its result. */
  const plain = new SampleColumns();
  const withStarts = new SampleColumns({ hasStarts: true });
  const hasSamples = (format: number) =>
    format === formatFloatColumns || format === formatMixedColumns || format === formatPacked;
  const formatOf = (block: number) => views.ints[block * blockInts + blockFormat]!;

  /** Follows a chain of one kind. A chain in change may lead anywhere, even in a circle, so it looks up now and then. */
  function eachBlock(
    chain: {
      readonly slot: number;
      readonly firstField: number;
      readonly isFormat: (format: number) => boolean;
    },
    isCurrent: () => boolean,
    visit: (block: number) => boolean,
  ): void {
    let block = Atomics.load(views.slots, chain.slot * slotInts + chain.firstField);
    for (let steps = 1; block > 0; steps += 1) {
      if (block >= views.blockCount) views.refresh();
      if (block >= views.blockCount || !chain.isFormat(views.ints[block * blockInts + blockFormat]!)) return;
      if (steps % stepsBetweenLooks === 0 && !isCurrent()) return;
      if (!visit(block)) return;
      block = nextBlock(views, block);
    }
  }

  /** Time of a block's first sample. */
  const startMsOf = (block: number) =>
    formatOf(block) === formatPacked ? packedStartMs(views, block) : views.floats[timesStart(block)]!;

  /** Time of a block's last sample. A block that can be reached at rest has one. */
  const endMsOf = (block: number) =>
    formatOf(block) === formatPacked
      ? packedEndMs(views, block)
      : views.floats[timesStart(block) + sampleCount(views, block) - 1]!;

  /** Visits the blocks with samples that may lie in the range, until `visit` gives false. */
  function eachBlockWithin(
    slot: number,
    range: TimeRange,
    isCurrent: () => boolean,
    visit: (block: number) => boolean,
  ): void {
    eachBlock({ slot, firstField: slotFirstBlock, isFormat: hasSamples }, isCurrent, (block) => {
      if (endMsOf(block) < range.startMs) return true;
      return startMsOf(block) <= range.endMs && visit(block);
    });
  }

  /** Appends a block's samples inside the range. */
  function readBlock(block: number, range: TimeRange, columns: SampleColumns, isNewestOnly = false): void {
    if (formatOf(block) === formatPacked) {
      for (const entry of packedEntries(views, block)) {
        if (entry.maxMs < range.startMs) continue;
        if (entry.minMs > range.endMs) return;
        const { length } = columns;
        readChunk(views, entry, columns);
        if (entry.minMs < range.startMs || entry.maxMs > range.endMs) columns.keep(length, range);
        if (isNewestOnly) columns.keepLast();
      }
      return;
    }
    const count = sampleCount(views, block);
    const first = lowerBound(views, block, count, range.startMs);
    let to = lowerBound(views, block, count, range.endMs);
    if (to < count && views.floats[timesStart(block) + to] === range.endMs) to += 1;
    if (to <= first) return;
    const from = isNewestOnly ? to - 1 : first;
    readColumns(views, block, { from, to }, columns);
  }

  function readSamples(
    { slot, generation, labels }: CatalogueSeries,
    range: TimeRange,
    { hasStarts = false, isNewestOnly = false }: SelectOptions,
    pool: Pick<FloatPool, "copy">,
  ): SeriesSamples | undefined {
    const columns = hasStarts ? withStarts : plain;
    const read = readGuarded(views, slot, generation, (isCurrent) => {
      columns.clear();
      eachBlockWithin(slot, range, isCurrent, (block) => {
        if (isNewestOnly) columns.clear();
        readBlock(block, range, columns, isNewestOnly);
        return true;
      });
      return columns.length === 0 || !isCurrent() ? undefined : columns.copy(pool);
    });
    return read === gone || read === undefined ? undefined : { labels, ...read };
  }

  function hasSample({ slot, generation }: CatalogueSeries, range: TimeRange): boolean {
    const read = readGuarded(views, slot, generation, (isCurrent) => {
      let isFound = false;
      eachBlockWithin(slot, range, isCurrent, (block) => {
        isFound = startMsOf(block) >= range.startMs || endMsOf(block) <= range.endMs;
        if (!isFound) {
          plain.clear();
          readBlock(block, range, plain);
          isFound = plain.length > 0;
        }
        return !isFound;
      });
      return isFound;
    });
    return read === true;
  }

  function living(matchers: readonly Matcher[], range: TimeRange): Labels[] {
    const { index } = catalogue.refresh();
    return index
      .match(matchers)
      .filter((series) => hasSample(series, range))
      .map((series) => series.labels);
  }

  function* eachExemplars(matchers: readonly Matcher[], range: TimeRange): Generator<SeriesExemplars> {
    for (const { slot, generation, labels } of catalogue.refresh().index.match(matchers)) {
      const read = readGuarded(views, slot, generation, (isCurrent) => {
        const exemplars: Exemplar[] = [];
        const chain = { slot, firstField: slotFirstExemplarBlock, isFormat: isExemplars };
        eachBlock(chain, isCurrent, (block) => {
          exemplars.push(...readExemplars(views, block, range));
          return true;
        });
        return exemplars;
      });
      if (read !== gone && read.length > 0) yield { labels, exemplars: read };
    }
  }

  return {
    select(matchers, range, options = {}) {
      const { onSamples } = options;
      const pool = new FloatPool();
      const found: SeriesSamples[] = [];
      for (const series of catalogue.refresh().index.match(matchers)) {
        const samples = readSamples(series, range, options, pool);
        if (samples === undefined) continue;
        onSamples?.(samples.values.length);
        found.push(samples);
      }
      return found;
    },
    *scan(range) {
      for (const series of catalogue.refresh().index.match([])) {
        const samples = readSamples(series, range, { hasStarts: true }, inPlace);
        if (samples !== undefined) yield samples;
      }
    },
    scanExemplars: (range) => eachExemplars([], range),
    series: living,
    labelNames(matchers, range) {
      const names = new Set<string>();
      for (const labels of living(matchers, range)) {
        for (let at = 0; at < labels.length; at += 2) names.add(labels[at]!);
      }
      return [...names].sort();
    },
    labelValues(name, matchers, range) {
      const values = new Set(living(matchers, range).map((labels) => labelValue(labels, name)));
      values.delete("");
      return [...values].sort();
    },
    exemplars: (matchers, range) => [...eachExemplars(matchers, range)],
    metadata: () => catalogue.refresh().metadata,
    statistics() {
      const { index } = catalogue.refresh();
      const living = index.match([]);
      let blockCount = 0;
      let minTimeMs = Infinity;
      let maxTimeMs = -Infinity;
      for (const { slot, generation } of living) {
        const read = readGuarded(views, slot, generation, (isCurrent) => {
          const seen = { blocks: 0, firstMs: Infinity, lastMs: -Infinity };
          eachBlockWithin(slot, everything, isCurrent, (block) => {
            seen.blocks += 1;
            seen.firstMs = Math.min(seen.firstMs, startMsOf(block));
            seen.lastMs = Math.max(seen.lastMs, endMsOf(block));
            return true;
          });
          return seen;
        });
        if (read === gone) continue;
        blockCount += read.blocks;
        minTimeMs = Math.min(minTimeMs, read.firstMs);
        maxTimeMs = Math.max(maxTimeMs, read.lastMs);
      }
      const known = (timeMs: number) => (Number.isFinite(timeMs) ? timeMs : undefined);
      return {
        series: living.map(({ labels }) => labels),
        blockCount,
        minTimeMs: known(minTimeMs),
        maxTimeMs: known(maxTimeMs),
      };
    },
  };
}
