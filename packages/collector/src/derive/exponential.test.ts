import { expect, test } from "vitest";
import { exponentialBound } from "../model/index.ts";
import { addHistograms, toNativeHistogram, type ExponentialHistogram } from "./exponential.ts";

const point: ExponentialHistogram = {
  scale: 0,
  count: 0,
  sum: 0,
  zeroCount: 0,
  zeroThreshold: 0,
  positive: { offset: 0, counts: [] },
  negative: { offset: 0, counts: [] },
};

test("buckets keep their bounds: OTLP's index is one less", () => {
  expect(
    toNativeHistogram({
      ...point,
      count: 9,
      sum: 5.5,
      zeroCount: 1,
      zeroThreshold: 0.25,
      positive: { offset: -1, counts: [2, 0, 3] },
      negative: { offset: 4, counts: [3] },
    }),
  ).toEqual({
    counterResetHint: "unknown",
    schema: 0,
    zeroThreshold: 0.25,
    zeroCount: 1,
    count: 9,
    sum: 5.5,
    // (0.5, 1] and (2, 4]; [-32, -16).
    positive: { indexes: [0, 2], counts: [2, 3] },
    negative: { indexes: [5], counts: [3] },
    customValues: [],
  });
});

test("a scale finer than 8 is made coarser, each count staying between bounds around its own", () => {
  for (let scale = 9; scale <= 20; scale += 1) {
    for (const offset of [-2_001, -1, 0, 1, 1_000]) {
      const counts = Array.from({ length: 40 }, (_, place) => (place * 7 + scale) % 5);
      const count = counts.reduce((sum, one) => sum + one, 0);
      const native = toNativeHistogram({ ...point, scale, count, positive: { offset, counts } });
      if (typeof native === "string") throw new Error(native);
      expect(native.schema).toBe(8);
      expect(native.positive.counts.reduce((sum, one) => sum + one, 0)).toBe(count);
      for (const [place, one] of counts.entries()) {
        if (one === 0) continue;
        const middle = 2 ** ((offset + place + 0.5) * 2 ** -scale);
        const holds = (index: number) =>
          exponentialBound(index - 1, 8) < middle && middle <= exponentialBound(index, 8);
        expect(native.positive.indexes.some(holds)).toBe(true);
      }
    }
  }
});

test("deltas whose buckets keep moving are added up at a resolution that fits, and no count is lost", () => {
  const deltaAt = (offset: number) => {
    const native = toNativeHistogram({ ...point, scale: 8, count: 3, positive: { offset, counts: [1, 2] } });
    if (typeof native === "string") throw new Error(native);
    return native;
  };
  let total = deltaAt(-100_000);
  for (let offset = -99_900; offset < 250_000; offset += 100) total = addHistograms(total, deltaAt(offset));
  expect(total.positive.indexes.length).toBeLessThanOrEqual(320);
  expect(total.schema).toBeLessThan(0);
  expect(total.count).toBe(3 * 3_500);
  expect(total.positive.counts.reduce((sum, one) => sum + one, 0)).toBe(total.count);
});

test("a scale below -4 and buckets that do not add up are refused, as Prometheus would refuse them", () => {
  expect(toNativeHistogram({ ...point, scale: -5 })).toBe("scale");
  expect(toNativeHistogram({ ...point, scale: -4 })).toMatchObject({ schema: -4 });
  const positive = { offset: 0, counts: [2] };
  expect(toNativeHistogram({ ...point, count: 3, positive })).toBe("count");
  // NaN was observed once: it is counted, and in no bucket.
  expect(toNativeHistogram({ ...point, count: 3, sum: Number.NaN, positive })).toMatchObject({ count: 3 });
  expect(toNativeHistogram({ ...point, count: 1, sum: Number.NaN, positive })).toBe("count");
});

test("without a sum and a zero threshold, 0 and Prometheus' default stand for them", () => {
  expect(toNativeHistogram({ ...point, sum: undefined })).toMatchObject({ sum: 0, zeroThreshold: 1e-128 });
});
