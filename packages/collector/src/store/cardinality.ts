import { labelValue, metricNameLabel, type Labels } from "../model/index.ts";

/** Why there is no room for another series. */
export type LimitReason =
  | "series_limit" // of the whole head
  | "metric_limit" // of its metric
  | "source_limit"; // of its source

export interface CardinalityLimits {
  readonly seriesMax: number;
  /** Of one metric name. */
  readonly seriesPerMetricMax: number;
  /** Of one source, see `sourceOf`. */
  readonly seriesPerSourceMax: number;
}

/** Counts the living series, and tells whose turn it is not. */
export interface Cardinality {
  /** Why a new series with these labels would be one too many; undefined when there is room for it. */
  reasonAgainst(labels: Labels): LimitReason | undefined;
  add(labels: Labels): void;
  remove(labels: Labels): void;
  /** The same counts to try something on, which leaves these alone. */
  trial(): Cardinality;
}

/**
 * Who a series comes from: its `job` (a scrape job; for pushed metrics namespace and name of the service), or, where it has
 * none, its `service_name`, which spans and logs have. Series with neither, as some rules and remote writers make them, are one
 * source together.
 */
export function sourceOf(labels: Labels): string {
  return labelValue(labels, "job") || labelValue(labels, "service_name");
}

const metricOf = (labels: Labels) => labelValue(labels, metricNameLabel);

/** The name that a limit was passed by; "" for the whole head. */
export function limitedName(reason: LimitReason, labels: Labels): string {
  switch (reason) {
    case "series_limit":
      return "";
    case "metric_limit":
      return metricOf(labels);
    case "source_limit":
      return sourceOf(labels);
  }
}

interface Counts {
  readonly total: () => number;
  readonly ofMetric: (name: string) => number;
  readonly ofSource: (name: string) => number;
}

const nothing: Counts = { total: () => 0, ofMetric: () => 0, ofSource: () => 0 };

export function createCardinality(limits: CardinalityLimits, before: Counts = nothing): Cardinality {
  const byMetric = new Map<string, number>();
  const bySource = new Map<string, number>();
  let total = 0;
  const counts: Counts = {
    total: () => before.total() + total,
    ofMetric: (name) => before.ofMetric(name) + (byMetric.get(name) ?? 0),
    ofSource: (name) => before.ofSource(name) + (bySource.get(name) ?? 0),
  };

  /** A name that nothing is left of must not stay: names come and go for ever. */
  function change(map: Map<string, number>, name: string, by: 1 | -1): void {
    const count = (map.get(name) ?? 0) + by;
    if (count === 0) map.delete(name);
    else map.set(name, count);
  }

  function changeAll(labels: Labels, by: 1 | -1): void {
    total += by;
    change(byMetric, metricOf(labels), by);
    change(bySource, sourceOf(labels), by);
  }

  return {
    reasonAgainst(labels) {
      if (counts.total() >= limits.seriesMax) return "series_limit";
      if (counts.ofMetric(metricOf(labels)) >= limits.seriesPerMetricMax) return "metric_limit";
      return counts.ofSource(sourceOf(labels)) >= limits.seriesPerSourceMax ? "source_limit" : undefined;
    },
    add: (labels) => changeAll(labels, 1),
    remove: (labels) => changeAll(labels, -1),
    trial: () => createCardinality(limits, counts),
  };
}
