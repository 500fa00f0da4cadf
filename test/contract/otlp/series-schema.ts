import Long from "long";
import protobuf from "protobufjs";
import type { SeriesWrite } from "../../../packages/collector/src/model/index.ts";

protobuf.util.Long = Long;
protobuf.configure();

// io.prometheus.write.v2 of remote write 2.0-rc.4, in protobufjs' own words.
const source = `
syntax = "proto3";
message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
message TimeSeries {
  repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3;
  repeated Exemplar exemplars = 4; Metadata metadata = 5;
}
message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
message Metadata {
  enum MetricType {
    METRIC_TYPE_UNSPECIFIED = 0; METRIC_TYPE_COUNTER = 1; METRIC_TYPE_GAUGE = 2; METRIC_TYPE_HISTOGRAM = 3;
    METRIC_TYPE_GAUGEHISTOGRAM = 4; METRIC_TYPE_SUMMARY = 5; METRIC_TYPE_INFO = 6; METRIC_TYPE_STATESET = 7;
  }
  MetricType type = 1; uint32 help_ref = 3; uint32 unit_ref = 4;
}
message Histogram {
  enum ResetHint { RESET_HINT_UNSPECIFIED = 0; RESET_HINT_YES = 1; RESET_HINT_NO = 2; RESET_HINT_GAUGE = 3; }
  oneof count { uint64 count_int = 1; double count_float = 2; }
  double sum = 3; sint32 schema = 4; double zero_threshold = 5;
  oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
  repeated BucketSpan negative_spans = 8; repeated sint64 negative_deltas = 9; repeated double negative_counts = 10;
  repeated BucketSpan positive_spans = 11; repeated sint64 positive_deltas = 12; repeated double positive_counts = 13;
  ResetHint reset_hint = 14; int64 timestamp = 15; repeated double custom_values = 16; int64 start_timestamp = 17;
}
message BucketSpan { sint32 offset = 1; uint32 length = 2; }
`;

// prometheus.WriteRequest of remote write 1.0; its Histogram is that of 2.0 without the start timestamp.
const sourceV1 = `
syntax = "proto3";
message WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
message TimeSeries {
  repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; repeated Histogram histograms = 4;
}
message Label { string name = 1; string value = 2; }
message Sample { double value = 1; int64 timestamp = 2; }
message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
message MetricMetadata {
  enum MetricType {
    UNKNOWN = 0; COUNTER = 1; GAUGE = 2; HISTOGRAM = 3; GAUGEHISTOGRAM = 4; SUMMARY = 5; INFO = 6; STATESET = 7;
  }
  MetricType type = 1; string metric_family_name = 2; string help = 4; string unit = 5;
}
${source.slice(source.indexOf("message Histogram")).replace(" int64 start_timestamp = 17;", "")}`;

/** One side of zero: where a bucket stands follows from the spans before it. */
interface OracleSide {
  readonly spans: readonly { offset: number; length: number }[];
  readonly deltas: readonly number[];
  readonly counts: readonly number[];
}
interface OracleHistogram {
  readonly count_int?: number;
  readonly count_float?: number;
  readonly sum: number;
  readonly schema: number;
  readonly zero_threshold: number;
  readonly zero_count_int?: number;
  readonly zero_count_float?: number;
  readonly negative_spans: OracleSide["spans"];
  readonly negative_deltas: readonly number[];
  readonly negative_counts: readonly number[];
  readonly positive_spans: OracleSide["spans"];
  readonly positive_deltas: readonly number[];
  readonly positive_counts: readonly number[];
  readonly reset_hint: string;
  readonly timestamp: number;
  readonly custom_values: readonly number[];
  readonly start_timestamp: number;
}

function bucketsOf({ spans, deltas, counts }: OracleSide) {
  const indexes: number[] = [];
  let next = 0;
  for (const { offset, length } of spans) {
    next += offset;
    for (let count = 0; count < length; count += 1, next += 1) indexes.push(next);
  }
  let sum = 0;
  return { indexes, counts: counts.length > 0 ? counts : deltas.map((delta) => (sum += delta)) };
}

function histogramOf(one: OracleHistogram) {
  return {
    timestampMs: one.timestamp,
    startMs: one.start_timestamp,
    counts: one.count_float === undefined ? "integer" : "float",
    histogram: {
      counterResetHint: {
        RESET_HINT_UNSPECIFIED: "unknown",
        RESET_HINT_YES: "reset",
        RESET_HINT_NO: "not_reset",
        RESET_HINT_GAUGE: "gauge",
      }[one.reset_hint],
      schema: one.schema,
      zeroThreshold: one.zero_threshold,
      zeroCount: one.zero_count_int ?? one.zero_count_float ?? 0,
      count: one.count_int ?? one.count_float ?? 0,
      sum: one.sum,
      positive: bucketsOf({
        spans: one.positive_spans,
        deltas: one.positive_deltas,
        counts: one.positive_counts,
      }),
      negative: bucketsOf({
        spans: one.negative_spans,
        deltas: one.negative_deltas,
        counts: one.negative_counts,
      }),
      customValues: one.custom_values,
    },
  };
}

const requestType = protobuf.parse(source, { keepCase: true }).root.lookupType("Request");
const requestTypeV1 = protobuf.parse(sourceV1, { keepCase: true }).root.lookupType("WriteRequest");

interface OracleRequest {
  readonly symbols: readonly string[];
  readonly timeseries: readonly {
    readonly labels_refs: readonly number[];
    readonly samples: readonly { value: number; timestamp: number; start_timestamp: number }[];
    readonly histograms: readonly OracleHistogram[];
    readonly exemplars: readonly { labels_refs: readonly number[]; value: number; timestamp: number }[];
    readonly metadata: { type: string; help_ref: number; unit_ref: number };
  }[];
}

type OracleLabels = readonly { readonly name: string; readonly value: string }[];
interface OracleRequestV1 {
  readonly timeseries: readonly {
    readonly labels: OracleLabels;
    readonly samples: readonly { value: number; timestamp: number }[];
    readonly histograms: readonly OracleHistogram[];
    readonly exemplars: readonly { labels: OracleLabels; value: number; timestamp: number }[];
  }[];
  readonly metadata: readonly { type: string; metric_family_name: string; help: string; unit: string }[];
}

const options = { longs: Number, enums: String, defaults: true };

/** A remote write 2.0 request as protobufjs reads it, in the words of `oracleView`. */
export function readWithOracle(bytes: Uint8Array) {
  const { symbols, timeseries } = requestType.toObject(requestType.decode(bytes), options) as OracleRequest;
  const texts = (references: readonly number[]) => references.map((reference) => symbols[reference]);
  const series = timeseries.map((one) => ({
    labels: texts(one.labels_refs),
    type: one.metadata.type.replace("METRIC_TYPE_", "").toLowerCase().replace("unspecified", "unknown"),
    help: symbols[one.metadata.help_ref],
    unit: symbols[one.metadata.unit_ref],
    samples: one.samples.map(({ timestamp, value, start_timestamp: start }) => [timestamp, value, start]),
    histograms: one.histograms.map(histogramOf),
    exemplars: one.exemplars.map((each) => [texts(each.labels_refs), each.value, each.timestamp]),
  }));
  return { symbols, series };
}

/** What `readWithOracle` must make of a series. */
export function oracleView({
  samples,
  histograms = [],
  exemplars,
  startTimestampMs,
  ...series
}: SeriesWrite) {
  return {
    ...series,
    samples: samples.map((one) => [one.timestampMs, one.value, startTimestampMs]),
    histograms: histograms.map(({ counts, histogram, timestampMs }) => {
      return { timestampMs, startMs: startTimestampMs, counts, histogram };
    }),
    exemplars: exemplars.map((one) => [one.labels, one.value, one.timestampMs]),
  };
}

/** A remote write 1.0 request as protobufjs reads it, in the words of `oracleViewV1`. */
export function readWithOracleV1(bytes: Uint8Array) {
  const request = requestTypeV1.toObject(requestTypeV1.decode(bytes), options) as OracleRequestV1;
  const texts = (labels: OracleLabels) => labels.flatMap(({ name, value }) => [name, value]);
  const series = request.timeseries.map((one) => ({
    labels: texts(one.labels),
    samples: one.samples.map(({ timestamp, value }) => [timestamp, value]),
    histograms: one.histograms.map((each) => {
      const { startMs: _none, ...histogram } = histogramOf(each);
      return histogram;
    }),
    exemplars: one.exemplars.map((each) => [texts(each.labels), each.value, each.timestamp]),
  }));
  const metadata = request.metadata.map(({ type, metric_family_name: family, help, unit }) => {
    return { type: type.toLowerCase(), family, help, unit };
  });
  return { series, metadata };
}

/** What `readWithOracleV1` must make of a series; undefined when 1.0 cannot say anything of it. */
export function oracleViewV1({ labels, samples, histograms = [], exemplars }: SeriesWrite) {
  const known = histograms.filter(({ histogram }) => histogram.schema !== -53);
  if (samples.length + known.length === 0) return undefined;
  return {
    labels,
    samples: samples.map((one) => [one.timestampMs, one.value]),
    histograms: known.map(({ counts, histogram, timestampMs }) => ({ timestampMs, counts, histogram })),
    exemplars: exemplars.map((one) => [one.labels, one.value, one.timestampMs]),
  };
}
