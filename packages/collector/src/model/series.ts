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

/** What one record of the `series` stream says of one series. */
export interface SeriesWrite {
  readonly labels: Labels;
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
  /** When the counter began, Unix ms; 0 = unknown. */
  readonly startTimestampMs: number;
  /** Ascending by time. */
  readonly samples: readonly SampleWrite[];
  readonly exemplars: readonly Exemplar[];
}
