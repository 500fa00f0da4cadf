import type { CounterResetHint, MetricType } from "../model/index.ts";

/** By the numbers of io.prometheus.write.v2.Metadata.MetricType. */
export const metricTypes: readonly MetricType[] = [
  "unknown",
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
];

/** By the numbers of io.prometheus.write.v2.Histogram.ResetHint. */
export const resetHints: readonly CounterResetHint[] = ["unknown", "reset", "not_reset", "gauge"];

/** The bits of Prometheus' staleness marker, 0x7ff0000000000002: a NaN that arithmetic never gives. */
export const staleHigh = 0x7ff0_0000;
export const staleLow = 2;

// Fields of io.prometheus.write.v2: Request, TimeSeries, Sample, Exemplar, Metadata.
export const fieldSymbols = 4;
export const fieldTimeSeries = 5;
export const fieldLabels = 1;
export const fieldSamples = 2;
export const fieldHistograms = 3;
export const fieldExemplars = 4;
export const fieldMetadata = 5;
/** When all of the series began: of drafts before 2.0-rc.4, and still sent. */
export const fieldCreated = 6;
export const fieldSampleValue = 1;
export const fieldSampleTimestamp = 2;
export const fieldSampleStart = 3;
export const fieldExemplarLabels = 1;
export const fieldExemplarValue = 2;
export const fieldExemplarTimestamp = 3;
export const fieldMetadataType = 1;
export const fieldMetadataHelp = 3;
export const fieldMetadataUnit = 4;

/** Of io.prometheus.write.v2.Histogram; its buckets below zero, then those above. */
export const histogramFields = {
  countInteger: 1,
  countFloat: 2,
  sum: 3,
  schema: 4,
  zeroThreshold: 5,
  zeroCountInteger: 6,
  zeroCountFloat: 7,
  negative: { spans: 8, deltas: 9, counts: 10 },
  positive: { spans: 11, deltas: 12, counts: 13 },
  resetHint: 14,
  timestamp: 15,
  customValues: 16,
  start: 17,
  spanOffset: 1,
  spanLength: 2,
} as const;
