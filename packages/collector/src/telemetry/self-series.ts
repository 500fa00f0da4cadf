import { AggregatorRegistry } from "prom-client";
import {
  labelsFromRecord,
  labelsKey,
  type Labels,
  type MetricType,
  type SeriesWrite,
} from "../model/index.ts";
import type { TelemetrySnapshot } from "./telemetry.ts";

/** The collector's own metrics as series. */
export interface SelfSeries {
  /**
   * One sample of every metric of all threads, a zero one round earlier for each counter that is new, and an end for each series
   * that was there the last time and is not now.
   */
  sample(snapshots: readonly TelemetrySnapshot[], timestampMs: number): Promise<readonly SeriesWrite[]>;
}

/** What prom-client gives for one metric, as far as it is used here; its own type calls `type` a number, which it is not. */
interface MetricJson {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number>>;
    /** Of histograms: with `_bucket`, `_sum` or `_count`. */
    readonly metricName?: string;
  }[];
}

const metricTypes: readonly MetricType[] = ["counter", "gauge", "histogram", "summary"];

/**
 * @param target put on every series, as a scrape does with `job` and `instance`
 * @param startedAtMs when the counters began
 */
export function createSelfSeries(target: Readonly<Record<string, string>>, startedAtMs: number): SelfSeries {
  let before = new Map<string, SeriesWrite>();
  let beforeMs = startedAtMs;
  return {
    async sample(snapshots, timestampMs) {
      const merged = AggregatorRegistry.aggregate([...snapshots]);
      const metrics = (await merged.getMetricsAsJSON()) as unknown as readonly MetricJson[];
      const now = new Map<string, SeriesWrite>();
      for (const { name, help, type, values } of metrics) {
        for (const { value, labels, metricName = name } of values) {
          const write: SeriesWrite = {
            labels: seriesLabels(metricName, labels, target),
            type: metricTypes.find((known) => known === type) ?? "unknown",
            help,
            unit: "",
            startTimestampMs: type === "gauge" ? 0 : startedAtMs,
            samples: [{ timestampMs, value }],
            exemplars: [],
          };
          const key = labelsKey(write.labels);
          const isBorn = type !== "gauge" && value > 0 && beforeMs < timestampMs && !before.has(key);
          // From one sample `increase` sees nothing: what happens only once would never be alerted on.
          const birth = isBorn ? [{ timestampMs: beforeMs, value: 0 }] : [];
          now.set(key, { ...write, samples: [...birth, ...write.samples] });
        }
      }
      const ended = [...before].filter(([key]) => !now.has(key)).map(([, write]) => write);
      before = now;
      beforeMs = timestampMs;
      return [
        ...now.values(),
        // Without its end a gauge of a state that has passed would stand for five minutes more.
        ...ended.map((write) => ({
          ...write,
          samples: [{ timestampMs, value: Number.NaN, isStale: true as const }],
        })),
      ];
    },
  };
}

function seriesLabels(
  name: string,
  labels: Readonly<Record<string, string | number>>,
  target: Readonly<Record<string, string>>,
): Labels {
  const texts = Object.entries(labels).map(([label, value]) => [label, String(value)]);
  return labelsFromRecord({
    ...(Object.fromEntries(texts) as Record<string, string>),
    ...target,
    __name__: name,
  });
}
