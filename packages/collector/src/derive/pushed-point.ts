import type { Exemplar } from "../model/index.ts";

/** Who sends. */
export interface PushSource {
  readonly service: string;
  readonly instance: string;
  /** `job` and `instance`, where the resource says them. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What every point of a metric has in common. */
export interface PushedMetric {
  readonly name: string;
  readonly unit: string;
  readonly help: string;
  readonly temporality: "unspecified" | "delta" | "cumulative";
  readonly isMonotonic: boolean;
}

export interface PushedPoint {
  readonly attributes: readonly (readonly [string, string])[];
  /** Unix ms; 0 = unknown. */
  readonly startMs: number;
  /** The source says that there is no value any more. */
  readonly isGone: boolean;
  /** Those that name a trace. */
  readonly exemplars: readonly Exemplar[];
}

export interface PushedHistogram {
  readonly count: number;
  readonly sum: number | undefined;
  /** Upper bounds, ascending; one fewer than `counts`. */
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
}

export type SkipReason =
  /** An exponential histogram coarser than Prometheus knows. */
  | "histogram_scale"
  /** The buckets of an exponential histogram do not add up to its count. */
  | "histogram_count"
  /** The series has values of another kind: floats and native histograms do not mix. */
  | "kind_conflict"
  | "series_limit"
  | "invalid_name"
  | "unspecified_temporality";
