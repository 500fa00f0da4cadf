import {
  hasCode,
  labelsKey,
  labelValue,
  type Labels,
  type Matcher,
  type NativeHistogram,
  type Queryable,
  type SelectOptions,
  type SeriesSamples,
  type TimeRange,
} from "../../model/index.ts";
import type { Log } from "../../telemetry/index.ts";
import { FloatPool, SampleColumns } from "../chunk/index.ts";
import type { HeadReader } from "../head-reader.ts";
import type { BlockReader } from "./block-reader.ts";
import { openBlockSet, type BlocksHandle } from "./block-set.ts";

interface Series {
  readonly labels: Labels;
  readonly parts: SeriesSamples[];
}

/**
 * All that the store holds, blocks and head as one, in any thread. The head is read before the list of blocks: a block is announced before the head lets go of
 * what it holds, so a sample may be seen twice, and then counts once, but is never missed.
 * Errors are those of the head's reader.
 */
export function openStoreReader(head: HeadReader, handle: BlocksHandle, log: Log): Queryable {
  const blocks = openBlockSet(handle, log);
  const plain = new SampleColumns();
  const withStarts = new SampleColumns({ hasStarts: true });

  /** Visits the blocks that overlap the range; what is damaged goes, and nothing of it stays in the answer. */
  function eachBlock<T>(range: TimeRange, read: (block: BlockReader) => T): T[] {
    return blocks.overlapping(range).flatMap((block) => {
      try {
        return [read(block)];
      } catch (error) {
        if (!hasCode(error, "QUARTET_BLOCK_INVALID")) throw error;
        blocks.setAside(block, error);
        return [];
      }
    });
  }

  function selectIn(
    block: BlockReader,
    matchers: readonly Matcher[],
    range: TimeRange,
    { onSamples, hasStarts = false, isNewestOnly = false }: SelectOptions,
  ): SeriesSamples[] {
    const pool = new FloatPool();
    const columns = hasStarts ? withStarts : plain;
    return block.index.series.match(matchers).flatMap(({ slot, labels }) => {
      columns.clear();
      block.read(slot, range, columns);
      if (isNewestOnly) columns.keepLast();
      if (columns.length === 0) return [];
      onSamples?.(columns.length);
      return { labels, ...columns.copy(pool) };
    });
  }

  function living(matchers: readonly Matcher[], range: TimeRange): readonly Labels[] {
    const inHead = head.series(matchers, range);
    const inBlocks = eachBlock(range, (block) =>
      block.index.series
        .match(matchers)
        .flatMap(({ slot, labels }) => (block.overlaps(slot, range) ? [labels] : [])),
    );
    if (inBlocks.length === 0) return inHead;
    return [
      ...new Map([...inBlocks.flat(), ...inHead].map((labels) => [labelsKey(labels), labels])).values(),
    ];
  }

  return {
    select(matchers, range, options = {}) {
      const inHead = head.select(matchers, range, options);
      const inBlocks = eachBlock(range, (block) => ({
        endMs: block.index.facts.endMs,
        series: selectIn(block, matchers, range, options),
      }));
      if (inBlocks.length === 0) return inHead;
      const merged = new Map<string, Series>();
      // Of the blocks that were read, not of those there are by now: one that has come since is not in the answer.
      const endMs = Math.max(...inBlocks.map((block) => block.endMs));
      for (const part of [
        ...inBlocks.flatMap(({ series }) => series),
        ...inHead.flatMap((samples) => from(samples, endMs)),
      ]) {
        const key = labelsKey(part.labels);
        const series = merged.get(key);
        if (series === undefined) merged.set(key, { labels: part.labels, parts: [part] });
        else series.parts.push(part);
      }
      return Array.from(merged.values(), join);
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
    exemplars: head.exemplars,
    metadata: head.metadata,
  };
}

/** The samples at or after a time, without copying; [] when there are none. */
function from(samples: SeriesSamples, startMs: number): SeriesSamples[] {
  const { labels, timestampsMs, values, histograms, startTimestampsMs } = samples;
  let first = 0;
  while (first < timestampsMs.length && timestampsMs[first]! < startMs) first += 1;
  if (first === 0) return [samples];
  if (first === timestampsMs.length) return [];
  return [
    {
      labels,
      timestampsMs: timestampsMs.subarray(first),
      values: values.subarray(first),
      ...(histograms === undefined ? {} : { histograms: histograms.slice(first) }),
      ...(startTimestampsMs === undefined ? {} : { startTimestampsMs: startTimestampsMs.subarray(first) }),
    },
  ];
}

/** The parts, which follow each other in time, as one. */
function join({ labels, parts }: Series): SeriesSamples {
  if (parts.length === 1) return parts[0]!;
  const length = parts.reduce((sum, { values }) => sum + values.length, 0);
  const timestampsMs = new Float64Array(length);
  const values = new Float64Array(length);
  const histograms = parts.some((part) => part.histograms !== undefined)
    ? new Array<NativeHistogram | undefined>(length).fill(undefined)
    : undefined;
  const startTimestampsMs = parts.some((part) => part.startTimestampsMs !== undefined)
    ? new Float64Array(length)
    : undefined;
  let at = 0;
  for (const part of parts) {
    timestampsMs.set(part.timestampsMs, at);
    values.set(part.values, at);
    part.histograms?.forEach((histogram, index) => (histograms![at + index] = histogram));
    if (part.startTimestampsMs !== undefined) startTimestampsMs!.set(part.startTimestampsMs, at);
    at += part.values.length;
  }
  return {
    labels,
    timestampsMs,
    values,
    ...(histograms === undefined ? {} : { histograms }),
    ...(startTimestampsMs === undefined ? {} : { startTimestampsMs }),
  };
}
