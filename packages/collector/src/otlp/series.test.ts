import { expect, test } from "vitest";
import { hasCode, type SeriesWrite } from "../model/index.ts";
import { decodeSeriesBatch } from "./series-decode.ts";
import { encodeSeriesBatch } from "./series-encode.ts";

const empty: SeriesWrite = {
  labels: ["__name__", "up"],
  type: "unknown",
  help: "",
  unit: "",
  startTimestampMs: 0,
  samples: [],
  exemplars: [],
};
const writes: readonly SeriesWrite[] = [
  {
    labels: ["__name__", "calls_total", "service_name", "ä"],
    type: "counter",
    help: "Calls.",
    unit: "",
    startTimestampMs: 1_700_000_000_000,
    samples: [
      { timestampMs: 1_700_000_000_500, value: 1.5 },
      { timestampMs: -5, value: Number.POSITIVE_INFINITY },
    ],
    exemplars: [{ labels: ["span_id", "b", "trace_id", "a"], value: 1, timestampMs: 7 }],
  },
  {
    ...empty,
    type: "gauge",
    unit: "seconds",
    samples: [
      { timestampMs: 9, value: Number.NaN },
      { timestampMs: 10, value: Number.NaN, isStale: true },
      { timestampMs: 11, value: -0 },
    ],
  },
  { ...empty, labels: [], type: "stateset" },
];

test("series batches come back as they were written", () => {
  expect(decodeSeriesBatch(encodeSeriesBatch(writes))).toEqual(writes);
  expect(decodeSeriesBatch(encodeSeriesBatch([]))).toEqual([]);
});

test("a staleness marker is written by its exact bits, an ordinary NaN is none", () => {
  const hexOf = (sample: SeriesWrite["samples"][number]) =>
    Buffer.from(encodeSeriesBatch([{ ...empty, samples: [sample] }])).toString("hex");
  expect(hexOf({ timestampMs: 1, value: 5, isStale: true })).toContain("09020000000000f07f");
  expect(hexOf({ timestampMs: 1, value: Number.NaN })).toContain("09000000000000f87f");
  expect(
    decodeSeriesBatch(encodeSeriesBatch([{ ...empty, samples: [{ timestampMs: 1, value: Number.NaN }] }]))[0]!
      .samples,
  ).toEqual([{ timestampMs: 1, value: Number.NaN }]);
});

test("known bytes: the first symbol is empty, texts stand once, the start time stands in the sample", () => {
  const write: SeriesWrite = {
    ...empty,
    labels: ["a", "b", "c", "b"],
    type: "counter",
    startTimestampMs: 2,
    samples: [{ timestampMs: 3, value: 0 }],
  };
  const expected = [
    "2200", // symbols(4), in any order but the first
    "220162",
    "220163",
    "220161",
    "2a19", // timeseries(5)
    "0a0403010201", // labels_refs(1), packed
    "120d", // samples(2): value(1), timestamp(2), start_timestamp(3)
    "090000000000000000",
    "1003",
    "1802",
    "2a020801", // metadata(5): type(1)
  ];
  expect(Buffer.from(encodeSeriesBatch([write])).toString("hex")).toBe(expected.join(""));
});

test("a record cut short anywhere is refused with its own error, or ends between two parts", () => {
  const bytes = encodeSeriesBatch(writes);
  let refused = 0;
  for (let length = 1; length < bytes.length; length += 1) {
    try {
      decodeSeriesBatch(bytes.subarray(0, length));
    } catch (error) {
      if (!hasCode(error, "QUARTET_SERIES_INVALID")) throw error;
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(bytes.length / 2);
});

test("a reference to a symbol that is not there, and a label without a value, are refused", () => {
  expect(() => decodeSeriesBatch(Buffer.from("2a040a020506", "hex"))).toThrow("there is no symbol 5");
  expect(() => decodeSeriesBatch(Buffer.from("22002a030a0100", "hex"))).toThrow(
    "the last label has no value",
  );
});

test("buckets of a native histogram that do not match their spans are refused before memory is spent on them", () => {
  const request = (histogram: string) => {
    const content = Buffer.from(histogram, "hex");
    const series = Buffer.concat([Buffer.from([0x1a, content.length]), content]);
    return Buffer.concat([Buffer.from([0x22, 0, 0x2a, series.length]), series]);
  };
  // A span of four billion buckets and one delta.
  expect(() => decodeSeriesBatch(request("5a0610ffffffff0f620102"))).toThrow("more buckets than counts");
  expect(() => decodeSeriesBatch(request("5a02100162020202"))).toThrow("more counts than buckets");
  // Spans of one bucket each; the second begins one before the end of the first.
  expect(() => decodeSeriesBatch(request("5a0210015a040801100162020202"))).toThrow("begins before");
});

test("a batch of thousands of series keeps its texts once", () => {
  const many = Array.from({ length: 5_000 }, (_, index) => ({
    ...empty,
    labels: ["__name__", "calls_total", "path", `/${index % 10}`],
    samples: [{ timestampMs: 1_700_000_000_000 + index, value: index }],
  }));
  const bytes = encodeSeriesBatch(many);
  expect(bytes.length).toBeLessThan(5_000 * 40);
  expect(decodeSeriesBatch(bytes)).toEqual(many);
});
