import type { NativeHistogram } from "./histogram.ts";
import type { Labels } from "./labels.ts";

export type MetricType =
  | "unknown"
  | "counter"
  | "gauge"
  | "summary"
  | "histogram"
  | "gaugehistogram"
  | "info"
  | "stateset";

/** A measured example behind a sample: for us, the trace that made it. */
export interface Exemplar {
  /** At least `trace_id`, mostly `span_id` too, in lower-case hex. */
  readonly labels: Labels;
  readonly value: number;
  readonly timestampMs: number;
}

export interface SampleWrite {
  readonly timestampMs: number;
  /** Ignored when `isStale`. */
  readonly value: number;
  /** The series ended here: stored as Prometheus' staleness NaN (bits 0x7ff0000000000002), which a JS number cannot carry safely. */
  readonly isStale?: true;
}

/** A sample that is a native histogram. */
export interface HistogramWrite {
  readonly timestampMs: number;
  /**
   * How the counts are written. Those of an instrumented service are integers (exact up to 2^53) and stand as differences
   * from bucket to bucket; floats come from calculations.
   */
  readonly counts: "integer" | "float";
  /** Its sum is ignored when `isStale`. */
  readonly histogram: NativeHistogram;
  /** The series ended here: the sum is stored as Prometheus' staleness NaN. */
  readonly isStale?: true;
}

/** Where the store found a series; it writes that down here, and need not look for it the next time. */
export interface SeriesMemo {
  /** -1 as long as it has not. */
  slot: number;
  generation: number;
}

/** What one record of the `series` stream says of one series. */
export interface SeriesWrite {
  readonly labels: Labels;
  /** An object that stays with the series, of somebody who writes it again and again. */
  readonly memo?: SeriesMemo;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
  /** When the counter began, Unix ms; 0 = unknown. */
  readonly startTimestampMs: number;
  /** Ascending by time. */
  readonly samples: readonly SampleWrite[];
  /** Ascending by time. A series has samples or histograms in one write, not both, as remote write 2.0 wants. */
  readonly histograms?: readonly HistogramWrite[];
  readonly exemplars: readonly Exemplar[];
}

/** Metadata belongs to the family: what promtool and Grafana call `x`, not `x_bucket`. */
export function metricFamilyName(name: string, type: MetricType): string {
  if (type === "histogram" || type === "gaugehistogram") return name.replace(/_(bucket|sum|count)$/, "");
  if (type === "summary") return name.replace(/_(sum|count)$/, "");
  return name;
}
