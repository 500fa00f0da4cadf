import type { NativeHistogram } from "./histogram.ts";
import type { Labels } from "./labels.ts";
import type { Matcher } from "./matcher.ts";
import type { Exemplar, MetricType } from "./series.ts";

/** Samples of one series, columnar, ascending by time. A staleness marker is a NaN with its exact bits (see `isStaleAt`). */
export interface SeriesSamples {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  /** Where a sample is a native histogram: at its index; its entry in `values` means nothing then. Undefined: floats only. */
  readonly histograms?: readonly (NativeHistogram | undefined)[];
  /** When the counter began, as the sample said, Unix ms; 0 = unknown. Undefined: unknown for all, or not asked for. */
  readonly startTimestampsMs?: Float64Array;
}

/** Both ends are included. */
export interface TimeRange {
  readonly startMs: number;
  readonly endMs: number;
}

export interface MetricMetadata {
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

/** How much the head of the store holds. */
export interface HeadStatistics {
  /** Of every living series. */
  readonly series: readonly Labels[];
  /** Blocks of samples; exemplars apart. */
  readonly blockCount: number;
  /** Of the oldest and the newest sample; undefined where there is none. */
  readonly minTimeMs: number | undefined;
  readonly maxTimeMs: number | undefined;
}

export interface SelectOptions {
  /** Told how many more samples are in memory after each series; it throws to end the reading. */
  readonly onSamples?: ((count: number) => void) | undefined;
  /** Only the newest sample of each series is wanted; of what lies in several places more may come. */
  readonly isNewestOnly?: boolean | undefined;
  /** Read when counters began as well. */
  readonly hasStarts?: boolean | undefined;
}

/** Exemplars of one series. */
export interface SeriesExemplars {
  readonly labels: Labels;
  readonly exemplars: readonly Exemplar[];
}

/** What PromQL and the API read. Implementations: the head of the store, in its own thread and in query workers. */
export interface Queryable {
  /**
   * Series that match all, each with its samples inside the range; series without one are left out. Any order.
   */
  select(matchers: readonly Matcher[], range: TimeRange, options?: SelectOptions): readonly SeriesSamples[];
  /** Label sets of series with a sample inside the range. */
  series(matchers: readonly Matcher[], range: TimeRange): readonly Labels[];
  labelNames(matchers: readonly Matcher[], range: TimeRange): readonly string[];
  labelValues(name: string, matchers: readonly Matcher[], range: TimeRange): readonly string[];
  exemplars(matchers: readonly Matcher[], range: TimeRange): readonly SeriesExemplars[];
  metadata(): ReadonlyMap<string, MetricMetadata>;
}

const staleHigh = 0x7ff00000;
const staleLow = 0x00000002;

/** Whether the sample is Prometheus' staleness marker. Reads bits: every NaN compares alike as a number. */
export function isStaleAt(values: Float64Array, index: number): boolean {
  const value = values[index];
  if (value === value) return false;
  const bits = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  return bits[1] === staleHigh && bits[0] === staleLow;
}

/** Writes the staleness marker by its bits: as a number it may lose them on the way. */
export function setStaleAt(values: Float64Array, index: number): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  bits[0] = staleLow;
  bits[1] = staleHigh;
}
