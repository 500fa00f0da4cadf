import fc from "fast-check";
import Long from "long";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import type {
  HistogramBuckets,
  HistogramWrite,
  SeriesWrite,
} from "../../../packages/collector/src/model/index.ts";
import { decodeSeriesBatch, encodeSeriesBatch } from "../../../packages/collector/src/otlp/index.ts";

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

const types = [
  "unknown",
  "counter",
  "gauge",
  "summary",
  "histogram",
  "gaugehistogram",
  "info",
  "stateset",
] as const;
const text = fc.oneof(fc.string({ maxLength: 8 }), fc.string({ unit: "grapheme", maxLength: 3 }));
const labels = fc.dictionary(text, text, { maxKeys: 4 }).map((record) =>
  Object.keys(record)
    .sort()
    .flatMap((name) => [name, record[name]!]),
);
const timestampMs = fc.oneof(fc.integer(), fc.maxSafeInteger());
const sample = fc.oneof(
  fc.record({ timestampMs, value: fc.double() }),
  fc.record({ timestampMs, value: fc.constant(Number.NaN), isStale: fc.constant(true as const) }),
);

const maxIndex = 2 ** 30;
const bucketCount = { integer: fc.oneof(fc.nat(300), fc.maxSafeNat()), float: fc.double({ noNaN: true }) };
function buckets(counts: "integer" | "float"): fc.Arbitrary<HistogramBuckets> {
  return fc
    .uniqueArray(fc.oneof(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -maxIndex, max: maxIndex })), {
      maxLength: 8,
    })
    .map((indexes) => indexes.sort((a, b) => a - b))
    .chain((indexes) =>
      fc
        .array(bucketCount[counts], { minLength: indexes.length, maxLength: indexes.length })
        .map((each) => ({ indexes, counts: each })),
    );
}
const bound = fc.double({ noNaN: true });
/** Zero is written by leaving the field out, which knows no sign. */
const unsigned = (value: number) => (value === 0 ? 0 : value);
const histogram: fc.Arbitrary<HistogramWrite> = fc
  .constantFrom("integer" as const, "float" as const)
  .chain((counts) =>
    fc.record({
      timestampMs,
      counts: fc.constant(counts),
      histogram: fc.record({
        counterResetHint: fc.constantFrom("unknown", "reset", "not_reset", "gauge"),
        schema: fc.oneof(fc.integer({ min: -4, max: 8 }), fc.constant(-53)),
        zeroThreshold: bound.map(unsigned),
        zeroCount: bucketCount[counts].map(unsigned),
        count: bucketCount[counts],
        sum: fc.double(),
        positive: buckets(counts),
        negative: buckets(counts),
        customValues: fc.array(bound, { maxLength: 4 }),
      }),
    }),
  );
const staleHistogram = histogram.map((one): HistogramWrite => {
  return { ...one, histogram: { ...one.histogram, sum: Number.NaN }, isStale: true };
});

const write: fc.Arbitrary<SeriesWrite> = fc
  .tuple(
    fc.record({
      labels,
      type: fc.constantFrom(...types),
      help: text,
      unit: text,
      startTimestampMs: fc.oneof(fc.constant(0), fc.maxSafeNat()),
      exemplars: fc.array(fc.record({ labels, value: fc.double(), timestampMs }), { maxLength: 2 }),
    }),
    // The start timestamp stands in the samples, so there is none without them.
    fc.oneof(
      fc.array(sample, { minLength: 1, maxLength: 3 }).map((samples) => ({ samples })),
      fc
        .array(fc.oneof(histogram, staleHistogram), { minLength: 1, maxLength: 3 })
        .map((histograms) => ({ samples: [], histograms })),
    ),
  )
  .map(([series, values]) => ({ ...series, ...values }));
const numRuns = process.env["QUARTET_TEST_LENGTH"] === "long" ? 200_000 : 500;

test("any series batch comes back as it was written", () => {
  fc.assert(
    fc.property(fc.array(write, { maxLength: 4 }), (writes) => {
      expect(decodeSeriesBatch(encodeSeriesBatch(writes))).toEqual(writes);
    }),
    { numRuns },
  );
});

test("a decoder of remote write 2.0 that knows nothing of ours reads the same", () => {
  fc.assert(
    fc.property(fc.array(write, { maxLength: 4 }), (writes) => {
      const decoded = requestType.toObject(requestType.decode(encodeSeriesBatch(writes)), {
        longs: Number,
        enums: String,
        defaults: true,
      }) as OracleRequest;
      const { symbols } = decoded;
      expect(symbols[0]).toBe("");
      expect(new Set(symbols).size).toBe(symbols.length);
      const texts = (references: readonly number[]) => references.map((reference) => symbols[reference]);
      const read = decoded.timeseries.map((series) => ({
        labels: texts(series.labels_refs),
        type: series.metadata.type
          .replace("METRIC_TYPE_", "")
          .toLowerCase()
          .replace("unspecified", "unknown"),
        help: symbols[series.metadata.help_ref],
        unit: symbols[series.metadata.unit_ref],
        samples: series.samples.map((one) => [one.timestamp, one.value, one.start_timestamp]),
        histograms: series.histograms.map(histogramOf),
        exemplars: series.exemplars.map((one) => [texts(one.labels_refs), one.value, one.timestamp]),
      }));
      const wanted = writes.map(({ samples, histograms = [], exemplars, startTimestampMs, ...series }) => ({
        ...series,
        samples: samples.map((one) => [one.timestampMs, one.value, startTimestampMs]),
        histograms: histograms.map(({ counts, histogram: one, timestampMs: atMs }) => {
          return { timestampMs: atMs, startMs: startTimestampMs, counts, histogram: one };
        }),
        exemplars: exemplars.map((one) => [one.labels, one.value, one.timestampMs]),
      }));
      expect(read).toEqual(wanted);
    }),
    { numRuns },
  );
});

test("mutated records are read or refused with their own error, never anything else", () => {
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(write, { minLength: 1, maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 30 }),
      (writes, changes) => {
        const original = encodeSeriesBatch(writes);
        for (const [place, value] of changes) {
          const bytes = Uint8Array.from(original);
          bytes[place % bytes.length] = value;
          try {
            decodeSeriesBatch(bytes.subarray(0, bytes.length - (value % 3)));
          } catch (error) {
            expect(error).toMatchObject({ code: "QUARTET_SERIES_INVALID" });
            refused += 1;
          }
        }
      },
    ),
    { numRuns },
  );
  expect(refused).toBeGreaterThan(100);
});
