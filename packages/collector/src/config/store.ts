import { parseDurationMs, parseSizeBytes } from "./units.ts";

/** What the store keeps, and of whom. */
export interface StoreConfig {
  readonly retentionMs: number;
  /** Of the blocks on disk. */
  readonly sizeBytesMax: number;
  /** 0: a sample must be newer than its series' last one. */
  readonly outOfOrderWindowMs: number;
  readonly seriesMax: number;
  readonly seriesPerMetricMax: number;
  readonly seriesPerSourceMax: number;
}

export interface RawStore {
  retention: string;
  size_max: string;
  out_of_order_time_window: string;
  series_max: number;
  series_per_metric_max: number | null;
  series_per_source_max: number | null;
}

/** One metric, and one source, must leave room for others when nobody has said anything about them. */
const metricShare = 1 / 2;
const sourceShare = 3 / 4;

const countOrNone = { type: ["integer", "null"], minimum: 1, default: null } as const;

export const storeProperties: Record<string, object> = {
  retention: {
    type: "string",
    format: "duration",
    default: "15d",
    description: "How far back queries and rules see.",
  },
  size_max: {
    type: "string",
    format: "size",
    default: "5GiB",
    description: "Disk for samples older than the newest hours; the oldest go first.",
  },
  out_of_order_time_window: {
    type: "string",
    format: "window",
    default: "60s",
    description:
      "A sample this much older than the last of its series is still taken; 0 takes none, which is Prometheus' default.",
  },
  series_max: {
    type: "integer",
    minimum: 1,
    default: 200_000,
    description:
      "Series that live at the same time; over it new ones are refused, those that are there go on.",
  },
  series_per_metric_max: {
    ...countOrNone,
    description: "The same for the series of one metric name; half of series_max when not given.",
  },
  series_per_source_max: {
    ...countOrNone,
    description:
      "The same for the series of one job, or, where there is none, of one service_name; three quarters of series_max when not given.",
  },
};

export function convertStore(raw: RawStore): StoreConfig {
  return {
    retentionMs: parseDurationMs(raw.retention)!,
    sizeBytesMax: parseSizeBytes(raw.size_max)!,
    outOfOrderWindowMs: parseDurationMs(raw.out_of_order_time_window)!,
    seriesMax: raw.series_max,
    seriesPerMetricMax: raw.series_per_metric_max ?? Math.ceil(raw.series_max * metricShare),
    seriesPerSourceMax: raw.series_per_source_max ?? Math.ceil(raw.series_max * sourceShare),
  };
}
