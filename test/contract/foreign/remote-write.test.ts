import fc from "fast-check";
import Long from "long";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { hasCode, type SeriesWrite } from "../../../packages/collector/src/model/index.ts";
import { decodeRemoteWrite, type RemoteWriteVersion } from "../../../packages/collector/src/otlp/index.ts";
import { mutations } from "../otlp/arbitrary.ts";
import { isLong } from "../../support/index.ts";

protobuf.util.Long = Long;
protobuf.configure();

// prometheus.WriteRequest of remote write 1.0, and io.prometheus.write.v2.Request with the field of drafts before 2.0-rc.4.
const histogram = `
message BucketSpan { sint32 offset = 1; uint32 length = 2; }
message Histogram {
  oneof count { uint64 count_int = 1; double count_float = 2; }
  double sum = 3; sint32 schema = 4; double zero_threshold = 5;
  oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
  repeated BucketSpan negative_spans = 8; repeated sint64 negative_deltas = 9; repeated double negative_counts = 10;
  repeated BucketSpan positive_spans = 11; repeated sint64 positive_deltas = 12; repeated double positive_counts = 13;
  int32 reset_hint = 14; int64 timestamp = 15; repeated double custom_values = 16; int64 start_timestamp = 17;
}`;
const version1 = `
syntax = "proto3";
message WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; repeated Histogram histograms = 4; }
message Label { string name = 1; string value = 2; }
message Sample { double value = 1; int64 timestamp = 2; }
message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
message MetricMetadata { int32 type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
${histogram}`;
const version2 = `
syntax = "proto3";
message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
message TimeSeries {
  repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3; repeated Exemplar exemplars = 4;
  Metadata metadata = 5; int64 created_timestamp = 6;
}
message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
message Metadata { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
${histogram}`;
const messages: Readonly<Record<RemoteWriteVersion, protobuf.Type>> = {
  1: protobuf.parse(version1, { keepCase: true }).root.lookupType("WriteRequest"),
  2: protobuf.parse(version2, { keepCase: true }).root.lookupType("Request"),
};
const encode = (version: RemoteWriteVersion, request: object): Uint8Array =>
  messages[version].encode(messages[version].fromObject(request)).finish();
const decode = (version: RemoteWriteVersion, bytes: Uint8Array, partsMax = 1_000_000) =>
  decodeRemoteWrite(bytes, { version, partsMax });

const numRuns = isLong ? 200_000 : 500;
/** Of 20 mutations each, of either version: 100,000 cases, or ten million. */
const mutatedRuns = isLong ? 250_000 : 2_500;
const text = fc.oneof(fc.string({ maxLength: 8 }), fc.string({ unit: "grapheme", maxLength: 3 }));
const timestamp = fc.oneof(fc.integer(), fc.maxSafeInteger());
const start = fc.oneof(fc.constant(0), fc.constant(5), fc.maxSafeNat());
const list = <T>(of: fc.Arbitrary<T>, maxLength = 3) => fc.array(of, { maxLength });
const label = fc.record({ name: text, value: text });
const sample = fc.record({ value: fc.double(), timestamp });
const exemplar1 = fc.record({ labels: list(label, 2), value: fc.double(), timestamp });
const spans = list(fc.record({ offset: fc.nat(4), length: fc.nat(2) }), 2);
const anyHistogram = spans.chain((positive_spans) => {
  const bucketCount = positive_spans.reduce((sum, { length }) => sum + length, 0);
  const deltas = fc.array(fc.integer({ min: -9, max: 9 }), {
    minLength: bucketCount,
    maxLength: bucketCount,
  });
  return fc.record({
    count_int: fc.nat(),
    sum: fc.double(),
    schema: fc.integer({ min: -4, max: 8 }),
    positive_spans: fc.constant(positive_spans),
    positive_deltas: deltas,
    timestamp,
  });
});
const request1 = fc.record({
  timeseries: list(
    fc.record({
      labels: list(label),
      samples: list(sample),
      exemplars: list(exemplar1, 2),
      histograms: list(anyHistogram, 2),
    }),
  ),
  metadata: list(fc.record({ type: fc.nat(7), metric_family_name: text, help: text, unit: text }), 2),
});

/** All samples of the writes of one series, in order. */
const samplesOf = (writes: readonly SeriesWrite[]) =>
  writes.flatMap((write) =>
    write.samples.map(({ timestampMs, value }) => ({ timestampMs, value, startMs: write.startTimestampMs })),
  );

test("any request of 1.0 is read as a generated decoder reads it", () => {
  fc.assert(
    fc.property(request1, (request) => {
      const { writes, metadata } = decode(1, encode(1, request));
      let at = 0;
      for (const series of request.timeseries) {
        const isSplit = series.samples.length > 0 && series.histograms.length > 0;
        const own = writes.slice(at, (at += isSplit ? 2 : 1));
        for (const write of own)
          expect(write.labels).toEqual(series.labels.flatMap(({ name, value }) => [name, value]));
        expect(samplesOf(own)).toEqual(
          series.samples.map(({ value, timestamp: timestampMs }) => ({ timestampMs, value, startMs: 0 })),
        );
        const histograms = own.flatMap((write) => write.histograms ?? []);
        expect(histograms.map((one) => [one.timestampMs, one.histogram.sum, one.histogram.schema])).toEqual(
          series.histograms.map((one) => [one.timestamp, one.sum, one.schema]),
        );
        expect(own.flatMap(({ exemplars }) => exemplars)).toEqual(
          series.exemplars.map(({ labels, value, timestamp: timestampMs }) => ({
            labels: labels.flatMap((one) => [one.name, one.value]),
            value,
            timestampMs,
          })),
        );
      }
      expect(writes).toHaveLength(at);
      expect(metadata.map(({ family, help, unit }) => [family, help, unit])).toEqual(
        request.metadata.map(({ metric_family_name: family, help, unit }) => [family, help, unit]),
      );
    }),
    { numRuns },
  );
});

const request2 = fc.record({
  symbols: list(text, 6).map((symbols) => ["", ...symbols]),
  timeseries: list(
    fc.record({
      labels_refs: list(fc.tuple(fc.nat(0), fc.nat(0)), 2).map((pairs) => pairs.flat()),
      samples: list(fc.record({ value: fc.double(), timestamp, start_timestamp: start }), 5),
      created_timestamp: start,
    }),
  ),
});

test("samples of 2.0 keep their own start timestamps, or the one that drafts had for the whole series", () => {
  fc.assert(
    fc.property(request2, (request) => {
      const { writes } = decode(2, encode(2, request));
      const wanted = request.timeseries.flatMap(({ samples, created_timestamp: createdMs }) =>
        samples.map((one) => ({
          timestampMs: one.timestamp,
          value: one.value,
          startMs: one.start_timestamp === 0 ? createdMs : one.start_timestamp,
        })),
      );
      expect(samplesOf(writes)).toEqual(wanted);
    }),
    { numRuns },
  );
});

test.each([1, 2] as const)("a mutated request of %d.0 is read or refused with our own error", (version) => {
  let refused = 0;
  const requests: fc.Arbitrary<object> = version === 1 ? request1 : request2;
  fc.assert(
    fc.property(requests, fc.array(mutations, { minLength: 20, maxLength: 20 }), (request, changes) => {
      const bytes = encode(version, request);
      for (const mutate of changes) {
        try {
          decode(version, mutate(bytes));
        } catch (error) {
          expect(hasCode(error, "QUARTET_SERIES_INVALID") || hasCode(error, "QUARTET_OTLP_TOO_LARGE")).toBe(
            true,
          );
          refused += 1;
        }
      }
    }),
    { numRuns: mutatedRuns },
  );
  expect(refused).toBeGreaterThan(100);
});

test.each([1, 2] as const)("any bytes are read as %d.0 or refused with our own error", (version) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decode(version, bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: "QUARTET_SERIES_INVALID" });
      }
    }),
    { numRuns },
  );
});

test.each([
  ["series", 1, Buffer.from([0x0a, 0])],
  ["series", 2, Buffer.from([0x2a, 0])],
  ["symbols", 2, Buffer.from([0x22, 0])],
] as const)("millions of %s in %d.0 are refused before objects are made of them", (_what, version, piece) => {
  const bytes = Buffer.alloc(8_000_000, piece);
  const before = process.memoryUsage().heapUsed;
  expect(() => decode(version, bytes, 500_000)).toThrow(
    expect.objectContaining({ code: "QUARTET_OTLP_TOO_LARGE" }) as Error,
  );
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6);
});

test("text that is no UTF-8 is told from text that holds the sign for it", () => {
  const series = (value: Buffer) => {
    const label1 = Buffer.concat([Buffer.from([0x0a, 1, 0x61, 0x12, value.length]), value]);
    const inner = Buffer.concat([Buffer.from([0x0a, label1.length]), label1]);
    return decode(1, Buffer.concat([Buffer.from([0x0a, inner.length]), inner])).writes[0]!.labels[1];
  };
  expect(series(Buffer.from([0xff, 0x61]))).toBe("\uffff");
  expect(series(Buffer.from("\ufffd"))).toBe("\ufffd");
});
