import fc from "fast-check";
import { expect, test } from "vitest";
import { hasCode, setStaleAt, type NativeHistogram } from "../../../packages/collector/src/model/index.ts";
import {
  decodeChunk,
  encodeChunks,
  FloatPool,
  SampleColumns,
  samplesPerChunk,
} from "../../../packages/collector/src/store/chunk/chunk.ts";

interface Plain {
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly histograms?: readonly (NativeHistogram | undefined)[];
  readonly startTimestampsMs?: Float64Array;
}

function roundTrip(samples: Plain, columns = new SampleColumns()): Plain {
  for (const { bytes } of encodeChunks(samples)) decodeChunk(bytes, 0, bytes.length, columns);
  return columns.copy(new FloatPool());
}

const bitsOf = (values: Float64Array) => Array.from(new BigUint64Array(values.slice().buffer));
const sizeOf = (samples: Plain) =>
  encodeChunks(samples).reduce((sum, { bytes }) => sum + bytes.length, 0) / samples.values.length;
const every15s = (values: readonly number[]): Plain => ({
  timestampsMs: Float64Array.from(values, (_, at) => Date.UTC(2026, 0, 1) + at * 15_000),
  values: Float64Array.from(values),
});

const narrow = (seed: number): NativeHistogram => ({
  counterResetHint: "unknown",
  schema: 3,
  zeroThreshold: 0,
  zeroCount: seed,
  count: seed,
  sum: seed,
  positive: { indexes: [], counts: [] },
  negative: { indexes: [], counts: [] },
  customValues: [],
});

const float = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.double({ min: 0, max: 100 }),
  fc.integer({ max: 100_000 }).map((number) => number / 1_000),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 0.1 + 0.2, 5e-324, 1e15, 2 ** 50, 2 ** 50 + 1),
);
/** Columns as machines make them: steps upwards, steps of any size, anything at all, and one thing again and again. */
const column = fc.oneof(
  fc.array(fc.nat(20), { maxLength: 600 }).map((steps) => {
    let total = 0;
    return steps.map((step) => (total += step));
  }),
  fc.array(float, { maxLength: 300 }),
  fc.tuple(float, fc.nat(600)).map(([value, count]) => Array.from({ length: count }, () => value)),
  fc
    .array(fc.tuple(float, fc.integer({ min: 1, max: 90 })), { maxLength: 8 })
    .map((runs) => runs.flatMap(([value, count]) => Array.from({ length: count }, () => value))),
);
const times = (count: number) =>
  fc
    .tuple(
      fc.integer({ min: -(2 ** 40), max: 2 ** 45 }),
      fc.oneof(
        fc.constant<readonly number[]>([15_000]),
        fc.array(fc.integer({ min: 14_990, max: 15_010 }), { minLength: 1, maxLength: 100 }),
        fc.array(fc.integer({ min: 1, max: 2 ** 36 }), { minLength: 1, maxLength: 50 }),
      ),
    )
    .map(([first, steps]) => {
      let time = first;
      return Float64Array.from({ length: count }, (_, at) => (time += steps[at % steps.length]!));
    });

test("every float comes back with its bits, and every time as it was", () => {
  fc.assert(
    fc.property(
      column.chain((values) => fc.tuple(fc.constant(values), times(values.length))),
      fc.array(fc.nat(600)),
      ([values, timestampsMs], stale) => {
        const samples = { timestampsMs, values: Float64Array.from(values) };
        for (const at of stale) if (at < values.length) setStaleAt(samples.values, at);
        const back = roundTrip(samples);
        expect(back.timestampsMs).toEqual(timestampsMs);
        expect(bitsOf(back.values)).toEqual(bitsOf(samples.values));
        expect(back.histograms).toBe(undefined);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("start times come back for who asks, and change nothing for others", () => {
  const starts = fc.array(
    fc.tuple(fc.constantFrom(0, 1, 1_700_000_000_000, -(2 ** 40)), fc.integer({ min: 1, max: 300 })),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  fc.assert(
    fc.property(starts, fc.boolean(), (runs, areHistograms) => {
      const startTimestampsMs = Float64Array.from(
        runs.flatMap(([startMs, length]) => Array.from({ length }, () => startMs)),
      );
      const plain = every15s(Array.from(startTimestampsMs, (_, at) => at));
      const histograms = Array.from(startTimestampsMs, (_, at) => (at % 100 < 50 ? narrow(at) : undefined));
      const samples = areHistograms ? { ...plain, histograms } : plain;
      const back = roundTrip({ ...samples, startTimestampsMs }, new SampleColumns({ hasStarts: true }));
      expect(back.startTimestampsMs ?? new Float64Array(startTimestampsMs.length)).toEqual(startTimestampsMs);
      expect(back.timestampsMs).toEqual(plain.timestampsMs);
      expect(roundTrip({ ...samples, startTimestampsMs })).toEqual(roundTrip(samples));
    }),
    { numRuns: 300 },
  );
});

const count = fc.oneof(fc.nat(1_000), fc.double({ min: 0, noNaN: true }));
const side = fc
  .uniqueArray(fc.integer({ min: -300, max: 300 }), { maxLength: 6 })
  .map((indexes) => indexes.toSorted((left, right) => left - right));
const layout = fc.record({
  counterResetHint: fc.constantFrom("unknown", "reset", "not_reset", "gauge"),
  schema: fc.constantFrom(-53, -4, 0, 3, 8),
  zeroThreshold: fc.constantFrom(0, 2 ** -128, 0.001),
  customValues: fc.array(fc.double({ noNaN: true }), { maxLength: 3 }),
  positive: side,
  negative: side,
});
const run = fc
  .tuple(layout, fc.integer({ min: 1, max: 40 }))
  .chain(([{ positive, negative, ...shape }, length]) =>
    fc
      .array(
        fc.tuple(
          fc.tuple(count, count, float),
          fc.array(count, { minLength: positive.length, maxLength: positive.length }),
          fc.array(count, { minLength: negative.length, maxLength: negative.length }),
        ),
        { minLength: length, maxLength: length },
      )
      .map((rows) =>
        rows.map(([[total, zeroCount, sum], above, below]): NativeHistogram => ({
          ...shape,
          count: total,
          zeroCount,
          sum,
          positive: { indexes: positive, counts: above },
          negative: { indexes: negative, counts: below },
        })),
      ),
  );

test("native histograms come back as they were, between floats and beside others", () => {
  const piece = fc.oneof(run, fc.array(fc.constant(undefined), { minLength: 1, maxLength: 5 }));
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (pieces) => {
      const histograms = pieces.flat();
      const values = Float64Array.from(histograms, (histogram, at) => (histogram === undefined ? at : 0));
      const samples = { ...every15s(Array.from(values)), histograms };
      const back = roundTrip(samples);
      expect(back.timestampsMs).toEqual(samples.timestampsMs);
      expect(bitsOf(back.values)).toEqual(bitsOf(values));
      expect(back.histograms ?? histograms.map(() => undefined)).toEqual(histograms);
    }),
    { numRuns: 500 },
  );
});

test("bytes that no encoder wrote are refused with our own error, and a chunk that is cut at any place", () => {
  const chunkBytes = column
    .filter((values) => values.length > 0)
    .map((values) => encodeChunks(every15s(values))[0]!.bytes);
  const histogramBytes = run.map(
    (histograms) => encodeChunks({ ...every15s(histograms.map(() => 0)), histograms })[0]!.bytes,
  );
  const decode = (bytes: Uint8Array) => {
    const columns = new SampleColumns();
    try {
      decodeChunk(bytes, 0, bytes.length, columns);
      expect(columns.length).toBeLessThanOrEqual(samplesPerChunk);
      return true;
    } catch (error) {
      if (!hasCode(error, "QUARTET_BLOCK_INVALID")) throw error;
      return false;
    }
  };
  fc.assert(
    fc.property(
      fc.oneof(chunkBytes, histogramBytes),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (good, changes) => {
        const bytes = good.slice();
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        decode(bytes);
        for (let end = 0; end < good.length; end += 1 + Math.floor(good.length / 20))
          expect(decode(good.subarray(0, end))).toBe(false);
      },
    ),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decode(bytes)),
    { numRuns: 2_000 },
  );
});

test("what machines measure takes few bytes", () => {
  const length = 240 * 20;
  let total = 0;
  const series = (next: (at: number) => number) => every15s(Array.from({ length }, (_, at) => next(at)));
  expect(sizeOf(series(() => 42))).toBeLessThan(0.12);
  expect(sizeOf(series((at) => (total += (at * 7) % 13)))).toBeLessThan(0.8);
  expect(sizeOf(series((at) => Math.round(500 + 400 * Math.sin(at / 50)) / 100))).toBeLessThan(0.8);
  // Nothing can be saved on floats without any pattern; they cost what they are.
  expect(sizeOf(series((at) => Math.sqrt(at)))).toBeLessThan(8.2);
});
