import {
  CollectorError,
  labelValue,
  type Exemplar,
  type HeadStatistics,
  type Labels,
  type Matcher,
  type NativeHistogram,
  type Queryable,
  type SeriesSamples,
  type TimeRange,
} from "../model/index.ts";
import { createCatalogueReader } from "./catalogue-reader.ts";
import type { CatalogueSeries } from "./catalogue-writer.ts";
import { lowerBound, nextBlock, sampleCount, timesStart, valuesStart } from "./columns.ts";
import { readExemplars } from "./exemplars.ts";
import { readHistogram } from "./histograms.ts";
import {
  blockFormat,
  blockInts,
  formatExemplars,
  formatFloatColumns,
  formatMixedColumns,
  HeadViews,
  slotFirstBlock,
  slotFirstExemplarBlock,
  slotInts,
  type HeadHandle,
} from "./layout.ts";
import { gone, readGuarded } from "./seqlock.ts";

const stepsBetweenLooks = 256;
const isExemplars = (format: number) => format === formatExemplars;

export interface HeadReader extends Queryable {
  statistics(): HeadStatistics;
  /** Visits every series with a sample inside the range, one after another: together they may be too much. */
  scan(range: TimeRange, visit: (samples: SeriesSamples) => void): void;
}

/**
 * Reads the head of the store in any thread, while its writer goes on in another.
 * Each call sees every sample whose `ingest` returned before the call; the arrays it gives are the caller's own.
 * @throws CollectorError QUARTET_PROMQL_EXECUTION when the handle is of another version, or the writer died inside a change;
 * QUARTET_REGEX_INVALID for a matcher that RE2 refuses.
 */
export function openHeadReader(handle: HeadHandle): HeadReader {
  if (handle.layoutVersion !== 1) {
    throw new CollectorError("QUARTET_PROMQL_EXECUTION", `unknown layout ${String(handle.layoutVersion)}`);
  }
  const views = new HeadViews(handle);
  const catalogue = createCatalogueReader(views);
  /** Pieces of the chain that lie in the range: block, from, to. Kept between calls, so that a query allocates only its result. */
  const pieces: number[] = [];

  /** Whether one of the pieces may refer to histograms. */
  let isMixed = false;
  const isColumns = (format: number) => format === formatFloatColumns || format === formatMixedColumns;

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

  function findPieces(slot: number, range: TimeRange, isCurrent: () => boolean): number {
    let total = 0;
    pieces.length = 0;
    isMixed = false;
    eachBlock({ slot, firstField: slotFirstBlock, isFormat: isColumns }, isCurrent, (block) => {
      const count = sampleCount(views, block);
      if (count === 0) return true;
      const start = timesStart(block);
      if (views.floats[start + count - 1]! < range.startMs) return true;
      if (views.floats[start]! > range.endMs) return false;
      const from = lowerBound(views, block, count, range.startMs);
      let to = lowerBound(views, block, count, range.endMs);
      if (to < count && views.floats[start + to] === range.endMs) to += 1;
      if (to > from) {
        pieces.push(block, from, to);
        isMixed ||= views.ints[block * blockInts + blockFormat] === formatMixedColumns;
        total += to - from;
      }
      return true;
    });
    return total;
  }

  function readSamples(
    { slot, generation, labels }: CatalogueSeries,
    range: TimeRange,
  ): SeriesSamples | undefined {
    const read = readGuarded(views, slot, generation, (isCurrent) => {
      const total = findPieces(slot, range, isCurrent);
      if (total === 0 || !isCurrent()) return undefined;
      const timestampsMs = new Float64Array(total);
      const values = new Float64Array(total);
      let at = 0;
      for (let piece = 0; piece < pieces.length; piece += 3) {
        const block = pieces[piece]!;
        const from = pieces[piece + 1]!;
        const to = pieces[piece + 2]!;
        timestampsMs.set(views.floats.subarray(timesStart(block) + from, timesStart(block) + to), at);
        values.set(views.floats.subarray(valuesStart(block) + from, valuesStart(block) + to), at);
        at += to - from;
      }
      const samples = { labels, timestampsMs, values };
      return isMixed ? { ...samples, histograms: histogramsOf(values) } : samples;
    });
    return read === gone ? undefined : read;
  }

  function histogramsOf(values: Float64Array): (NativeHistogram | undefined)[] {
    return Array.from(values, (_, index) => readHistogram(views, values, index));
  }

  function hasSample({ slot, generation }: CatalogueSeries, range: TimeRange): boolean {
    return (
      readGuarded(views, slot, generation, (isCurrent) => findPieces(slot, range, isCurrent) > 0) === true
    );
  }

  function living(matchers: readonly Matcher[], range: TimeRange): Labels[] {
    const { index } = catalogue.refresh();
    return index
      .match(matchers)
      .filter((series) => hasSample(series, range))
      .map((series) => series.labels);
  }

  return {
    select(matchers, range, onSamples) {
      const found: SeriesSamples[] = [];
      for (const series of catalogue.refresh().index.match(matchers)) {
        const samples = readSamples(series, range);
        if (samples === undefined) continue;
        onSamples?.(samples.values.length);
        found.push(samples);
      }
      return found;
    },
    scan(range, visit) {
      for (const series of catalogue.refresh().index.match([])) {
        const samples = readSamples(series, range);
        if (samples !== undefined) visit(samples);
      }
    },
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
    exemplars(matchers, range) {
      const { index } = catalogue.refresh();
      return index.match(matchers).flatMap(({ slot, generation, labels }) => {
        const read = readGuarded(views, slot, generation, (isCurrent) => {
          const exemplars: Exemplar[] = [];
          const chain = { slot, firstField: slotFirstExemplarBlock, isFormat: isExemplars };
          eachBlock(chain, isCurrent, (block) => {
            exemplars.push(...readExemplars(views, block, range));
            return true;
          });
          return exemplars;
        });
        return read === gone || read.length === 0 ? [] : [{ labels, exemplars: read }];
      });
    },
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
          eachBlock({ slot, firstField: slotFirstBlock, isFormat: isColumns }, isCurrent, (block) => {
            const count = sampleCount(views, block);
            if (count === 0) return true;
            const start = timesStart(block);
            seen.blocks += 1;
            seen.firstMs = Math.min(seen.firstMs, views.floats[start]!);
            seen.lastMs = Math.max(seen.lastMs, views.floats[start + count - 1]!);
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
