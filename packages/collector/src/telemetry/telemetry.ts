import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

/** A counter with fixed label names; `add` without a value adds one. */
export interface CounterHandle {
  add(labels?: Readonly<Record<string, string>>, value?: number): void;
}

export interface GaugeHandle {
  set(value: number, labels?: Readonly<Record<string, string>>): void;
}

export interface HistogramHandle {
  observe(value: number, labels?: Readonly<Record<string, string>>): void;
}

interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

/** The collector's own metrics in one thread. Names follow Prometheus: base units, `_total` for counters. */
export interface Telemetry {
  counter(options: MetricOptions): CounterHandle;
  gauge(options: MetricOptions): GaugeHandle;
  /** A gauge whose values are read when somebody scrapes. */
  observedGauge(options: MetricOptions, read: (set: GaugeHandle["set"]) => void): void;
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): HistogramHandle;
  /** Everything as plain JSON, to be sent to the thread that answers the scrape and merged there. */
  snapshot(): Promise<TelemetrySnapshot>;
}

/** What prom-client's AggregatorRegistry merges. */
export type TelemetrySnapshot = readonly object[];

/** Gauges of prom-client that are called `_total`: `promtool check metrics` refuses the name, and nobody alerts on them. */
const misnamedGauges = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

/** A set of metrics; each thread has its own. One of them, the main thread, speaks for the process. */
export function createTelemetry(options: { readonly hasProcessMetrics?: boolean } = {}): Telemetry {
  const registry = new Registry();
  if (options.hasProcessMetrics === true) {
    collectDefaultMetrics({ register: registry });
    for (const name of misnamedGauges) registry.removeSingleMetric(name);
  }
  const common = (options: MetricOptions) => ({
    name: options.name,
    help: options.help,
    labelNames: [...(options.labelNames ?? [])],
    registers: [registry],
  });
  return {
    counter(options) {
      const counter = new Counter(common(options));
      // A counter that stays away until its first event cannot be alerted on.
      if (!options.labelNames?.length) counter.inc(0);
      return { add: (labels = {}, value = 1) => counter.inc({ ...labels }, value) };
    },
    gauge(options) {
      const gauge = new Gauge(common(options));
      return { set: (value, labels = {}) => gauge.set({ ...labels }, value) };
    },
    observedGauge(options, read) {
      const gauge: Gauge = new Gauge({
        ...common(options),
        collect() {
          gauge.reset();
          read((value, labels = {}) => gauge.set({ ...labels }, value));
        },
      });
    },
    histogram(options) {
      const histogram = new Histogram({ ...common(options), buckets: [...options.buckets] });
      return { observe: (value, labels = {}) => histogram.observe({ ...labels }, value) };
    },
    snapshot: () => registry.getMetricsAsJSON(),
  };
}
