import fc from "fast-check";
import type {
  HistogramBuckets,
  HistogramWrite,
  SeriesWrite,
} from "../../../packages/collector/src/model/index.ts";

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

/** Any series with samples or histograms; no two labels of one have the same name, and they are sorted. */
export const seriesWrite: fc.Arbitrary<SeriesWrite> = fc
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
