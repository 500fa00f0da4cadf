import {
  emptiedHistogram,
  labelsFromRecord,
  labelsKey,
  labelValue,
  metricNameLabel,
  type Labels,
  type MetricType,
  type NativeHistogram,
} from "../model/index.ts";
import { addHistograms, toNativeHistogram, type ExponentialHistogram } from "./exponential.ts";
import { boundText, labelName, metricName, unitName, type NamedKind } from "./names.ts";
import type { PushedHistogram, PushedMetric, PushedPoint, PushSource, SkipReason } from "./pushed-point.ts";
import type { Family, NewSeries, Origin, SeriesTable } from "./series-table.ts";

/** Metrics that services push, as Prometheus' OTLP endpoint names them. Their sample times are grid points, not the sender's. */
export interface PushedMetrics {
  number(
    source: PushSource,
    kind: "gauge" | "sum",
    metric: PushedMetric,
    point: PushedPoint,
    value: number,
  ): void;
  histogram(source: PushSource, metric: PushedMetric, point: PushedPoint, histogram: PushedHistogram): void;
  /** Becomes a native histogram. */
  exponential(
    source: PushSource,
    metric: PushedMetric,
    point: PushedPoint,
    histogram: ExponentialHistogram,
  ): void;
  summary(
    source: PushSource,
    metric: PushedMetric,
    point: PushedPoint,
    summary: {
      readonly count: number;
      readonly sum: number;
      readonly quantiles: readonly (readonly [number, number])[];
    },
  ): void;
  /** What else the resource says of the source. */
  targetInfo(source: PushSource, attributes: readonly (readonly [string, string])[]): void;
  /**
   * The source has fallen silent: the series whose values are its own end. Sums of deltas are ours and stay until they
   * expire. Only while a grid point is closed.
   */
  endSource(source: { readonly service: string; readonly instance: string }): void;
  /** Ends what was last pushed before `cutoffMs`, and what senders have given up. */
  sweep(cutoffMs: number): void;
  snapshot(): PushedMetricsState;
  restore(state: PushedMetricsState): void;
}

/** Only what no later push would tell again: the sums of deltas. */
export interface PushedMetricsState {
  readonly rows: readonly {
    readonly labels: Labels;
    readonly family: Family;
    readonly source: string;
    readonly value: number;
    /** Instead of the value. */
    readonly histogram?: NativeHistogram;
    readonly seenMs: number;
    /** Start of the counter; 0 = never written. */
    readonly startMs: number;
  }[];
}

interface Row {
  readonly id: number;
  readonly labels: Labels;
  readonly family: Family;
  readonly source: string;
  readonly isDelta: boolean;
  value: number;
  /** Instead of the value. */
  histogram: NativeHistogram | undefined;
  seenMs: number;
  startMs: number;
  isGone: boolean;
}

const overflowsMax = 1_000;
const anyValue = [-Infinity, Infinity] as const;

export function createPushedMetrics({
  table,
  skipped,
}: {
  readonly table: SeriesTable;
  readonly skipped: (reason: SkipReason) => void;
}): PushedMetrics {
  const rows = new Map<string, Row>();
  const names = new Map<string, { readonly name: string; readonly family: Family }>();
  /** Key of the `target_info` of each source. */
  const targetInfos = new Map<string, string>();
  /** Overflow series by metric name: what deltas of series beyond the limit add up to. */
  let overflows = 0;

  const sourceKey = ({ service, instance }: { readonly service: string; readonly instance: string }) =>
    `${service}\0${instance}`;

  function named(metric: PushedMetric, kind: NamedKind, type: MetricType) {
    const key = `${type}\0${metric.name}\0${metric.unit}`;
    let known = names.get(key);
    if (known === undefined) {
      const name = metricName({ name: metric.name, unit: metric.unit, kind });
      known = { name, family: { type, help: metric.help, unit: unitName(metric.unit) } };
      // Names come from outside; the cache forgets rather than grows.
      if (names.size >= 10_000) names.clear();
      names.set(key, known);
    }
    return known;
  }

  function labelsOf(
    name: string,
    source: PushSource,
    point: { readonly attributes: readonly (readonly [string, string])[] },
    more: Readonly<Record<string, string>> = {},
  ): Labels {
    const record: Record<string, string> = Object.create(null) as Record<string, string>;
    for (const [key, value] of [...point.attributes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const label = labelName(key);
      // Two attributes may become one label: their values are joined, as Prometheus does.
      if (label !== "") record[label] = record[label] === undefined ? value : `${record[label]};${value}`;
    }
    return labelsFromRecord({ ...record, ...source.labels, ...more, [metricNameLabel]: name });
  }

  function addRow(
    key: string,
    {
      labels,
      family,
      origin,
      source,
      isDelta,
    }: {
      readonly labels: Labels;
      readonly family: Family;
      readonly origin: Origin;
      readonly source: string;
      readonly isDelta: boolean;
    },
    more: Pick<NewSeries, "introducedStartMs" | "isOverflow" | "histogram"> = {},
  ): Row | undefined {
    const id = table.add({ labels, family, origin, ...more });
    if (id < 0) return undefined;
    const { histogram } = more;
    const own = { value: 0, histogram, seenMs: 0, startMs: 0, isGone: false };
    const row: Row = { id, labels, family, source, isDelta, ...own };
    rows.set(key, row);
    return row;
  }

  function overflowRow(name: string, family: Family, histogram?: NativeHistogram): Row | undefined {
    const labels = labelsFromRecord({ [metricNameLabel]: name, otel_metric_overflow: "true" });
    const key = labelsKey(labels);
    const known = rows.get(key);
    if (known !== undefined || overflows >= overflowsMax) return known;
    overflows += 1;
    const origin: Origin = { kind: "step_before" };
    return addRow(
      key,
      { labels, family, origin, source: "", isDelta: true },
      { isOverflow: true, ...firstOf(histogram) },
    );
  }

  function put(one: {
    readonly labels: Labels;
    readonly family: Family;
    readonly source: PushSource;
    readonly metric: PushedMetric;
    readonly point: PushedPoint;
    readonly value: number;
    readonly histogram?: NativeHistogram;
    readonly isCounter: boolean;
    /** The series has those of the point's exemplars whose value lies above the first and up to the second. */
    readonly exemplarsWithin?: readonly [number, number];
  }): void {
    const { labels, family, source, metric, point, value, histogram, isCounter } = one;
    const isDelta = metric.temporality === "delta";
    const key = labelsKey(labels);
    const origin = originOf(isCounter, isDelta, point.startMs);
    const known = rows.get(key);
    if (known === undefined && point.isGone) return;
    const first = firstOf(histogram);
    let row = known ?? addRow(key, { labels, family, origin, source: sourceKey(source), isDelta }, first);
    // Only deltas can go on in the overflow series: totals of different series make no total.
    if (row === undefined && isDelta && isCounter)
      row = overflowRow(labelValue(labels, metricNameLabel), family, histogram);
    if (row === undefined) {
      skipped("series_limit");
      return;
    }
    row.seenMs = table.recordMs;
    row.isGone = point.isGone;
    if (point.isGone) return;
    if ((row.histogram === undefined) !== (histogram === undefined)) {
      skipped("kind_conflict");
      return;
    }
    if (!isDelta && isCounter && point.startMs > 0 && row.startMs !== point.startMs) {
      row.startMs = point.startMs;
      table.setStart(row.id, point.startMs);
    }
    if (row.histogram !== undefined && histogram !== undefined) {
      row.histogram = isDelta ? addHistograms(row.histogram, histogram) : histogram;
      table.setHistogram(row.id, row.histogram);
    } else {
      row.value = isDelta ? row.value + value : value;
      table.set(row.id, row.value);
    }
    if (one.exemplarsWithin === undefined) return;
    const [above, upTo] = one.exemplarsWithin;
    // Ascending by time mostly; one a step is kept, so the newest goes first.
    const newest = point.exemplars.findLast((exemplar) => exemplar.value > above && exemplar.value <= upTo);
    if (newest !== undefined) table.setExemplar(row.id, newest);
  }

  function originOf(isCounter: boolean, isDelta: boolean, startMs: number): Origin {
    if (!isCounter) return { kind: "none" };
    if (isDelta) return { kind: "step_before" };
    return startMs > 0 ? { kind: "at_start", startMs } : { kind: "none" };
  }

  function end(key: string, row: Row): void {
    table.remove(row.id);
    rows.delete(key);
    if (targetInfos.get(row.source) === key) targetInfos.delete(row.source);
    if (row.source === "") overflows -= 1;
  }

  return {
    number(source, kind, metric, point, value) {
      const isCounter = kind === "sum" && metric.isMonotonic;
      const type = isCounter ? "counter" : "gauge";
      const { name, family } = named(metric, type, type);
      if (name === "") skipped("invalid_name");
      else if (kind === "sum" && metric.temporality === "unspecified") skipped("unspecified_temporality");
      else {
        const labels = labelsOf(name, source, point);
        // A gauge has no temporality; whatever its field says must not make it a sum.
        const shown = kind === "gauge" ? { ...metric, temporality: "cumulative" as const } : metric;
        const exemplars = isCounter ? { exemplarsWithin: anyValue } : {};
        put({ labels, family, source, metric: shown, point, value, isCounter, ...exemplars });
      }
    },
    histogram(source, metric, point, { count, sum, bounds, counts }) {
      const { name, family } = named(metric, "histogram", "histogram");
      if (name === "") return skipped("invalid_name");
      if (metric.temporality === "unspecified") return skipped("unspecified_temporality");
      const shared = { family, source, metric, point, isCounter: true };
      let cumulative = 0;
      for (const [index, bucketCount] of counts.entries()) {
        cumulative += bucketCount;
        const le = boundText(bounds[index] ?? Infinity);
        const value = le === "+Inf" ? count : cumulative;
        const exemplarsWithin = [bounds[index - 1] ?? -Infinity, bounds[index] ?? Infinity] as const;
        const labels = labelsOf(`${name}_bucket`, source, point, { le });
        put({ ...shared, labels, value, exemplarsWithin });
      }
      if (counts.length === 0) {
        put({ ...shared, labels: labelsOf(`${name}_bucket`, source, point, { le: "+Inf" }), value: count });
      }
      put({ ...shared, labels: labelsOf(`${name}_count`, source, point), value: count });
      if (sum !== undefined) put({ ...shared, labels: labelsOf(`${name}_sum`, source, point), value: sum });
    },
    exponential(source, metric, point, exponential) {
      const { name, family } = named(metric, "histogram", "histogram");
      if (name === "") return skipped("invalid_name");
      if (metric.temporality === "unspecified") return skipped("unspecified_temporality");
      const histogram = toNativeHistogram(exponential);
      if (typeof histogram === "string") return skipped(`histogram_${histogram}`);
      const labels = labelsOf(name, source, point);
      const shared = { labels, family, source, metric, point, histogram, isCounter: true };
      put({ ...shared, value: 0, exemplarsWithin: anyValue });
    },
    summary(source, metric, point, { count, sum, quantiles }) {
      const { name, family } = named(metric, "summary", "summary");
      if (name === "") return skipped("invalid_name");
      const shared = { family, source, metric: { ...metric, temporality: "cumulative" as const }, point };
      put({ ...shared, labels: labelsOf(`${name}_count`, source, point), value: count, isCounter: true });
      put({ ...shared, labels: labelsOf(`${name}_sum`, source, point), value: sum, isCounter: true });
      for (const [quantile, value] of quantiles) {
        const labels = labelsOf(name, source, point, { quantile: boundText(quantile) });
        put({ ...shared, labels, value, isCounter: false });
      }
    },
    targetInfo(source, attributes) {
      const family: Family = { type: "info", help: "What the resource says of the target.", unit: "" };
      const metric = {
        name: "target",
        unit: "",
        help: "",
        temporality: "cumulative",
        isMonotonic: false,
      } as const;
      const point = { attributes, startMs: 0, isGone: false, exemplars: [] };
      const labels = labelsOf("target_info", source, point);
      const [owner, key] = [sourceKey(source), labelsKey(labels)];
      const before = targetInfos.get(owner);
      // Two at a time would break every join with it. Without an instance, they may be of two processes.
      if (source.instance !== "" && before !== undefined && before !== key) {
        const row = rows.get(before);
        if (row !== undefined) row.isGone = true;
      }
      put({ labels, family, source, metric, point, value: 1, isCounter: false });
      if (rows.has(key)) targetInfos.set(owner, key);
    },
    endSource(source) {
      const ended = sourceKey(source);
      for (const [key, row] of rows) if (row.source === ended && !row.isDelta) end(key, row);
    },
    sweep(cutoffMs) {
      for (const [key, row] of rows) if (row.isGone || row.seenMs < cutoffMs) end(key, row);
    },
    snapshot: () => ({
      rows: [...rows.values()]
        .filter((row) => row.isDelta)
        .map(({ id, labels, family, source, value, histogram, seenMs }) => ({
          labels,
          family,
          source,
          value,
          ...(histogram === undefined ? {} : { histogram }),
          seenMs,
          startMs: table.introducedStartMs(id) ?? 0,
        })),
    }),
    restore(state) {
      for (const { labels, family, source, value, histogram, seenMs, startMs } of state.rows) {
        const isOverflow = source === "";
        const row = addRow(
          labelsKey(labels),
          { labels, family, source, isDelta: true, origin: originOf(family.type !== "gauge", true, 0) },
          {
            ...(startMs > 0 ? { introducedStartMs: startMs } : {}),
            ...(isOverflow ? { isOverflow } : {}),
            ...(histogram === undefined ? {} : { histogram }),
          },
        );
        if (row === undefined) continue;
        if (isOverflow) overflows += 1;
        row.value = value;
        row.seenMs = seenMs;
        if (histogram === undefined) table.load(row.id, value);
      }
    },
  };
}

/** What a series of native histograms begins with: nothing counted yet, so that deltas can be added. */
function firstOf(histogram: NativeHistogram | undefined): { readonly histogram?: NativeHistogram } {
  return histogram === undefined ? {} : { histogram: emptiedHistogram(histogram) };
}
