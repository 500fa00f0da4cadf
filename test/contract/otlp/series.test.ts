import fc from "fast-check";
import Long from "long";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import type { SeriesWrite } from "../../../packages/collector/src/model/index.ts";
import { decodeSeriesBatch, encodeSeriesBatch } from "../../../packages/collector/src/otlp/index.ts";

protobuf.util.Long = Long;
protobuf.configure();

// io.prometheus.write.v2 of remote write 2.0-rc.4, in protobufjs' own words.
const source = `
syntax = "proto3";
message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
message TimeSeries { repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 4; Metadata metadata = 5; }
message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
message Metadata {
  enum MetricType {
    METRIC_TYPE_UNSPECIFIED = 0; METRIC_TYPE_COUNTER = 1; METRIC_TYPE_GAUGE = 2; METRIC_TYPE_HISTOGRAM = 3;
    METRIC_TYPE_GAUGEHISTOGRAM = 4; METRIC_TYPE_SUMMARY = 5; METRIC_TYPE_INFO = 6; METRIC_TYPE_STATESET = 7;
  }
  MetricType type = 1; uint32 help_ref = 3; uint32 unit_ref = 4;
}
`;
const requestType = protobuf.parse(source, { keepCase: true }).root.lookupType("Request");

interface OracleRequest {
  readonly symbols: readonly string[];
  readonly timeseries: readonly {
    readonly labels_refs: readonly number[];
    readonly samples: readonly { value: number; timestamp: number; start_timestamp: number }[];
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
const write: fc.Arbitrary<SeriesWrite> = fc.record({
  labels,
  type: fc.constantFrom(...types),
  help: text,
  unit: text,
  startTimestampMs: fc.oneof(fc.constant(0), fc.maxSafeNat()),
  // The start timestamp stands in the samples, so there is none without them.
  samples: fc.array(sample, { minLength: 1, maxLength: 3 }),
  exemplars: fc.array(fc.record({ labels, value: fc.double(), timestampMs }), { maxLength: 2 }),
});
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
        exemplars: series.exemplars.map((one) => [texts(one.labels_refs), one.value, one.timestamp]),
      }));
      const wanted = writes.map(({ samples, exemplars, startTimestampMs, ...series }) => ({
        ...series,
        samples: samples.map((one) => [one.timestampMs, one.value, startTimestampMs]),
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
