import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeSeriesBatch, encodeSeriesBatch } from "../../../packages/collector/src/otlp/index.ts";
import { seriesWrite } from "./series-arbitrary.ts";
import { oracleView, readWithOracle } from "./series-schema.ts";
import { isLong } from "../../support/index.ts";

const numRuns = isLong ? 200_000 : 500;

test("any series batch comes back as it was written", () => {
  fc.assert(
    fc.property(fc.array(seriesWrite, { maxLength: 4 }), (writes) => {
      expect(decodeSeriesBatch(encodeSeriesBatch(writes))).toEqual(writes);
    }),
    { numRuns },
  );
});

test("a decoder of remote write 2.0 that knows nothing of ours reads the same", () => {
  fc.assert(
    fc.property(fc.array(seriesWrite, { maxLength: 4 }), (writes) => {
      const { symbols, series } = readWithOracle(encodeSeriesBatch(writes));
      expect(symbols[0]).toBe("");
      expect(new Set(symbols).size).toBe(symbols.length);
      expect(series).toEqual(writes.map(oracleView));
    }),
    { numRuns },
  );
});

test("mutated records are read or refused with their own error, never anything else", () => {
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(seriesWrite, { minLength: 1, maxLength: 3 }),
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
