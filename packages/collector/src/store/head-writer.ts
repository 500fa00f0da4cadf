import {
  labelValue,
  metricFamilyName,
  metricNameLabel,
  type Clock,
  type HistogramWrite,
  type Labels,
  type MetricMetadata,
  type NativeHistogram,
  type SeriesSamples,
  type SeriesWrite,
} from "../model/index.ts";
import type { Telemetry } from "../telemetry/index.ts";
import { admit, type Admission } from "./admission.ts";
import { createArena } from "./arena.ts";
import { createCardinality, type CardinalityLimits, type LimitReason } from "./cardinality.ts";
import { createCatalogueWriter } from "./catalogue-writer.ts";
import { createChainWriter, type SampleOutcome } from "./chain.ts";
import { stageValue, type StagedSample } from "./columns.ts";
import { createExemplarWriter } from "./exemplars.ts";
import { createHeadMetrics } from "./head-metrics.ts";
import { createHistogramWriter, referredBlock } from "./histograms.ts";
import { openHeadReader, type HeadReader } from "./head-reader.ts";
import {
  createHandle,
  growTo,
  HeadViews,
  slotBytes,
  slotGeneration,
  slotInts,
  type HeadHandle,
} from "./layout.ts";
import { changeGuarded } from "./seqlock.ts";
import { SeriesByLabels } from "./series-by-labels.ts";
import type { CatalogueSeries } from "./series-index.ts";

/** Why the head refused a sample. */
export type RefusalReason =
  | LimitReason
  | "invalid_labels" // names out of order, twice, or an empty name or value
  | "invalid_timestamp" // not a whole number of milliseconds, or beyond the year 37,648
  | "histogram_too_large" // a native histogram of more than 16 KiB
  | "duplicate" // another value at the same time
  | "out_of_order" // older than the series' last sample by more than the window
  | "too_old" // older than the retention, or than what is still open
  | "memory_limit"; // the arena or the catalogue is full

export interface HeadSettings extends Pick<CardinalityLimits, "seriesMax"> {
  readonly retentionMs: number;
  /** Default: no more than `seriesMax`. */
  readonly seriesPerMetricMax?: number;
  /** Default: no more than `seriesMax`. */
  readonly seriesPerSourceMax?: number;
  /** Bound of the memory for samples and exemplars. Default 1 GiB. */
  readonly arenaBytesMax?: number;
  /** Bound of the memory for label sets, twice. Default 256 MiB. */
  readonly catalogueBytesMax?: number;
  /** A sample this much older than its series' last one is still inserted. Default 60 s. */
  readonly outOfOrderWindowMs?: number;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export interface IngestResult {
  /** Label sets that got a new sample, each once a write. */
  readonly touched: readonly Labels[];
  readonly samplesStored: number;
  readonly refused: ReadonlyMap<RefusalReason, number>;
  /** How many of those refused were native histograms. */
  readonly histogramsRefused: number;
}

export interface HeadWriter {
  /**
   * Takes in what one record of the `series` stream says; readers see it when the call returns.
   * A sample that is there already is passed over, so a record may be ingested twice. Never throws for what is in `writes`.
   */
  ingest(writes: readonly SeriesWrite[]): IngestResult;
  /**
   * What `ingest` would take of these writes at this moment; changes nothing, but counts by name what a limit of series refuses.
   * A sample that differs from one at its time is seen only there.
   */
  admit(writes: readonly SeriesWrite[]): Admission;
  /** Timestamp of the last sample of exactly this series; undefined when the head does not know it. */
  lastSampleMs(labels: Labels): number | undefined;
  /** Takes in one series of a snapshot. Exemplars and metadata come by `ingest` and `describe`. */
  restore(samples: SeriesSamples): void;
  describe(metric: string, metadata: MetricMetadata): void;
  /** From now on samples before that time are refused as too old: a block with all of them is about to be written. */
  closeBefore(timeMs: number): void;
  /** Lets go of samples before that time, series by series in the course of some time: a block has them. */
  truncate(timeMs: number): void;
  /** What another thread opens with `openHeadReader`; may be posted any number of times. */
  handle(): HeadHandle;
}

interface HeadSeries extends CatalogueSeries {
  /** Its metric's type, help or unit was told. */
  isDescribed: boolean;
}

const defaultArenaBytesMax = 1024 ** 3;
const defaultCatalogueBytesMax = 256 * 1024 ** 2;
const defaultOutOfOrderWindowMs = 60_000;
const sweepIntervalMs = 1_000;
/** Every series is looked at once in this many sweeps. */
const sweepsPerRound = 30;
const sweepSeriesMin = 500;

/**
 * The newest samples of every series, in shared memory. One writer; `Queryable` reads in this thread, `handle()` elsewhere.
 * Bounds: series, memory and age as in the settings; what does not fit is refused and counted
 * (`quartet_store_refused_samples_total{reason}`). Series whose last sample is older than the retention leave.
 */
export function createHead(settings: HeadSettings): HeadWriter & HeadReader {
  const { retentionMs, seriesMax, clock, telemetry } = settings;
  const { outOfOrderWindowMs = defaultOutOfOrderWindowMs } = settings;
  const { seriesPerMetricMax = seriesMax, seriesPerSourceMax = seriesMax } = settings;
  const cardinality = createCardinality({ seriesMax, seriesPerMetricMax, seriesPerSourceMax });
  const arenaBytesMax = settings.arenaBytesMax ?? defaultArenaBytesMax;
  const catalogueBytesMax = settings.catalogueBytesMax ?? defaultCatalogueBytesMax;
  const shared = createHandle({ seriesMax, arenaBytesMax, catalogueBytesMax });
  const views = new HeadViews(shared);
  const arena = createArena(views);
  const chains = createChainWriter(views, arena, { outOfOrderWindowMs, onPacked: trimHistograms });
  const exemplarChains = createExemplarWriter(views, arena);
  const histograms = createHistogramWriter(views, arena);
  const bySlot: (HeadSeries | undefined)[] = [];
  const byLabels = new SeriesByLabels(bySlot);
  const freeSlots: number[] = [];
  const catalogue = createCatalogueWriter(views);
  const staged: StagedSample = { timestampMs: 0, startTimestampMs: 0, value: new Float64Array(1) };
  let closedBeforeMs = -Infinity;
  let truncatedBeforeMs = -Infinity;
  let sweptAtMs = -Infinity;
  let sweepSlot = 0;

  const metrics = createHeadMetrics(telemetry, {
    series: () => byLabels.size,
    sizeBytes: () => arena.usedBytes,
  });

  function takeSlot(): number | undefined {
    const free = freeSlots.pop();
    if (free !== undefined) return free;
    const slot = bySlot.length;
    if (!growTo(shared.slots, (slot + 1) * slotBytes)) return undefined;
    views.refresh();
    bySlot.push(undefined);
    return slot;
  }

  function addSeries(labels: Labels): HeadSeries | RefusalReason {
    if (!areValid(labels)) return "invalid_labels";
    const reason = cardinality.reasonAgainst(labels);
    if (reason !== undefined) {
      metrics.limited(reason, labels, 1);
      return reason;
    }
    const slot = takeSlot();
    if (slot === undefined) return "series_limit";
    const generation = views.slots[slot * slotInts + slotGeneration]!;
    const series = catalogue.add({ slot, generation, labels, isDescribed: false });
    if (series === undefined) {
      freeSlots.push(slot);
      return "memory_limit";
    }
    bySlot[slot] = series;
    byLabels.add(series);
    cardinality.add(series.labels);
    return series;
  }

  function dropSeries(series: HeadSeries): void {
    const { slot } = series;
    changeGuarded(views, slot, () => {
      chains.clear(slot);
      exemplarChains.clear(slot);
      histograms.clear(slot);
      Atomics.add(views.slots, slot * slotInts + slotGeneration, 1);
    });
    byLabels.remove(series);
    cardinality.remove(series.labels);
    bySlot[slot] = undefined;
    freeSlots.push(slot);
    catalogue.remove(series);
  }

  /** Looks at some series in turn: gives back old blocks, drops series that ended before the retention. */
  function sweep(nowMs: number): void {
    if (nowMs < sweptAtMs + sweepIntervalMs) return;
    sweptAtMs = nowMs;
    const cutoffMs = Math.max(nowMs - retentionMs, truncatedBeforeMs);
    const steps = Math.min(
      bySlot.length,
      Math.max(sweepSeriesMin, Math.ceil(bySlot.length / sweepsPerRound)),
    );
    for (let step = 0; step < steps; step += 1) {
      sweepSlot = (sweepSlot + 1) % bySlot.length;
      const series = bySlot[sweepSlot];
      if (series === undefined) continue;
      if (chains.lastMs(sweepSlot) < cutoffMs) dropSeries(series);
      else if (chains.trim(sweepSlot, cutoffMs)) trimHistograms(sweepSlot);
    }
  }

  function trimHistograms(slot: number): void {
    const referred = new Set<number>();
    chains.eachReference(slot, (at) => referred.add(referredBlock(views.floats, at)));
    histograms.trim(slot, (block) => referred.has(block));
  }

  function storeHistogram(slot: number, write: HistogramWrite): SampleOutcome | "histogram_too_large" {
    const { timestampMs, histogram, isStale } = write;
    staged.timestampMs = timestampMs;
    if (isStale === true) {
      stageValue(staged, Number.NaN, true);
      staged.startTimestampMs = Number.NaN;
      return chains.write(slot, staged);
    }
    const found = chains.findHistogram(slot, timestampMs, histogram);
    if (found !== undefined) return found;
    if (timestampMs < chains.lastMs(slot) - outOfOrderWindowMs) return "out_of_order";
    // That nothing was reset is true of what the sender saw, and we may have missed some of it.
    const hint = histogram.counterResetHint === "not_reset" ? "unknown" : histogram.counterResetHint;
    const known = { ...write, histogram: { ...histogram, counterResetHint: hint } };
    const outcome = histograms.stage(slot, known, staged);
    if (outcome === "too_large") return "histogram_too_large";
    return outcome === "staged" ? chains.writeReference(slot, staged) : outcome;
  }

  function find({ labels, memo }: SeriesWrite): HeadSeries | undefined {
    const noted = memo === undefined ? undefined : bySlot[memo.slot];
    return noted !== undefined && noted.generation === memo!.generation ? noted : byLabels.find(labels);
  }

  function ingestSeries(
    write: SeriesWrite,
    cutoffMs: number,
    refuse: (reason: RefusalReason, isHistogram: boolean) => void,
  ): number {
    let series = find(write);
    const startTimestampMs = isTime(write.startTimestampMs) ? write.startTimestampMs : 0;
    let stored = 0;
    for (const { timestampMs, value, isStale } of write.samples) {
      const reason = reasonAgainst(timestampMs, cutoffMs);
      const into = reason ?? series ?? addSeries(write.labels);
      if (typeof into === "string") {
        refuse(into, false);
        continue;
      }
      series = into;
      staged.timestampMs = timestampMs;
      stageValue(staged, value, isStale === true);
      staged.startTimestampMs = isStale === true ? Number.NaN : startTimestampMs;
      const outcome = chains.write(into.slot, staged);
      if (outcome === "stored") stored += 1;
      else if (outcome !== "present") refuse(outcome, false);
    }
    if (write.histograms !== undefined) {
      for (const histogram of write.histograms) {
        const reason = reasonAgainst(histogram.timestampMs, cutoffMs);
        const into = reason ?? series ?? addSeries(write.labels);
        if (typeof into === "string") {
          refuse(into, true);
          continue;
        }
        series = into;
        staged.startTimestampMs = startTimestampMs;
        const outcome = storeHistogram(into.slot, histogram);
        if (outcome === "stored") stored += 1;
        else if (outcome !== "present") refuse(outcome, true);
      }
    }
    if (series === undefined) return stored;
    if (write.memo !== undefined) {
      write.memo.slot = series.slot;
      write.memo.generation = series.generation;
    }
    // A sender of remote write 1.0 tells it later than the samples.
    if (!series.isDescribed) series.isDescribed = describe(write);
    for (const exemplar of write.exemplars) {
      const outcome = exemplarChains.write(series.slot, exemplar);
      if (outcome !== "stored") metrics.exemplarRefused(outcome);
    }
    return stored;
  }

  /** False when the write has nothing to say of its metric. */
  function describe({ labels, type, help, unit }: SeriesWrite): boolean {
    if (type === "unknown" && help === "" && unit === "") return false;
    catalogue.describe(metricFamilyName(labelValue(labels, metricNameLabel), type), { type, help, unit });
    return true;
  }

  const cutoffMs = (nowMs: number) => Math.max(nowMs - retentionMs, closedBeforeMs);

  function restore({ labels, timestampsMs, values, histograms, startTimestampsMs }: SeriesSamples): void {
    if (timestampsMs.length === 0 || timestampsMs.at(-1)! < closedBeforeMs) return;
    const known = addSeries(labels);
    if (typeof known === "string") {
      metrics.refused(known, timestampsMs.length);
      return;
    }
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    const bits = new Uint32Array(staged.value.buffer);
    for (let at = 0; at < timestampsMs.length; at += 1) {
      const timestampMs = timestampsMs[at]!;
      if (timestampMs < closedBeforeMs) continue;
      const histogram = histograms?.[at];
      staged.startTimestampMs = startTimestampsMs?.[at] ?? 0;
      if (histogram === undefined) {
        staged.timestampMs = timestampMs;
        bits[0] = words[at * 2]!;
        bits[1] = words[at * 2 + 1]!;
        chains.write(known.slot, staged);
      } else storeHistogram(known.slot, { timestampMs, counts: countsKind(histogram), histogram });
    }
  }

  const reader = openHeadReader(shared, catalogue);
  return {
    ...reader,
    restore,
    describe: (metric, metadata) => void catalogue.describe(metric, metadata),
    closeBefore: (timeMs) => (closedBeforeMs = Math.max(closedBeforeMs, timeMs)),
    truncate: (timeMs) => (truncatedBeforeMs = Math.max(truncatedBeforeMs, timeMs)),
    handle: () => shared,
    admit: (writes) =>
      admit(writes, {
        lastMs(labels) {
          const series = byLabels.find(labels);
          return series === undefined ? undefined : chains.lastMs(series.slot);
        },
        areValid,
        cardinality: cardinality.trial(),
        onLimited: metrics.limited,
        cutoffMs: cutoffMs(clock.nowMs()),
        outOfOrderWindowMs,
      }),
    lastSampleMs(labels) {
      const series = byLabels.find(labels);
      const lastMs = series === undefined ? -Infinity : chains.lastMs(series.slot);
      return lastMs === -Infinity ? undefined : lastMs;
    },
    ingest(writes) {
      const nowMs = clock.nowMs();
      const refused = new Map<RefusalReason, number>();
      let histogramsRefused = 0;
      const refuse = (reason: RefusalReason, isHistogram: boolean) => {
        refused.set(reason, (refused.get(reason) ?? 0) + 1);
        if (isHistogram) histogramsRefused += 1;
      };
      const touched: Labels[] = [];
      let samplesStored = 0;
      for (const write of writes) {
        const stored = ingestSeries(write, cutoffMs(nowMs), refuse);
        if (stored > 0) touched.push(write.labels);
        samplesStored += stored;
      }
      sweep(nowMs);
      metrics.stored(samplesStored);
      for (const [reason, count] of refused) metrics.refused(reason, count);
      return { touched, samplesStored, refused, histogramsRefused };
    },
  };
}

/** Ascending names, each once, nothing empty, and no U+FFFF, which would make two label sets look alike to a query (see `labelsKey`). */
function areValid(labels: Labels): boolean {
  if (labels.length === 0 || labels.length % 2 !== 0) return false;
  let before = "";
  for (let at = 0; at < labels.length; at += 2) {
    const name = labels[at]!;
    const value = labels[at + 1]!;
    if (name <= before || value === "" || name.includes("\uFFFF") || value.includes("\uFFFF")) return false;
    before = name;
  }
  return true;
}

/** Whole numbers are taken for those of an instrumented service. */
function countsKind({ count, zeroCount, positive, negative }: NativeHistogram): HistogramWrite["counts"] {
  const areWhole = [count, zeroCount, ...positive.counts, ...negative.counts].every(Number.isSafeInteger);
  return areWhole ? "integer" : "float";
}

/** Chunks hold times up to here: the year 37,648. */
const timestampMsMax = 2 ** 50;

const isTime = (ms: number) => Number.isInteger(ms) && Math.abs(ms) <= timestampMsMax;

function reasonAgainst(timestampMs: number, cutoffMs: number): RefusalReason | undefined {
  if (!isTime(timestampMs)) return "invalid_timestamp";
  return timestampMs < cutoffMs ? "too_old" : undefined;
}
