import fc from "fast-check";
import { expect, test } from "vitest";
import type { Labels } from "../../../packages/collector/src/model/index.ts";
import {
  encodeMetadataV1,
  encodeSeriesBatch,
  encodeWriteRequestV1,
  mergeSeriesBatches,
} from "../../../packages/collector/src/otlp/index.ts";
import { seriesWrite } from "./series-arbitrary.ts";
import { oracleView, oracleViewV1, readWithOracle, readWithOracleV1 } from "./series-schema.ts";
import { isLong } from "../../support/index.ts";

const numRuns = isLong ? 100_000 : 500;
const records = fc.array(fc.array(seriesWrite, { maxLength: 3 }), { maxLength: 4 });
const name = fc.constantFrom("", "a", "cluster", "z");
const external = fc.uniqueArray(name, { maxLength: 2 }).map((names): Labels => {
  return names.sort().flatMap((one) => [one, `of ${one}`]);
});

/** What external labels do: they are added in order of their names, and never replace a label. */
function withExternal(labels: Labels, more: Labels): Labels {
  const all = new Map<string, string>();
  for (const source of [more, labels]) {
    for (let at = 0; at < source.length; at += 2) all.set(source[at]!, source[at + 1]!);
  }
  return [...all.keys()].sort().flatMap((key) => [key, all.get(key)!]);
}

test("several records become one 2.0 request with one table of symbols, and external labels in their places", () => {
  fc.assert(
    fc.property(records, external, (batches, labels) => {
      const { body, counts } = mergeSeriesBatches(batches.map(encodeSeriesBatch), labels);
      const { symbols, series } = readWithOracle(body);
      expect(symbols[0]).toBe("");
      expect(new Set(symbols).size).toBe(symbols.length);
      const writes = batches
        .flat()
        .map((write) => ({ ...write, labels: withExternal(write.labels, labels) }));
      expect(series).toEqual(writes.map(oracleView));
      const sum = (of: (write: (typeof writes)[number]) => number) =>
        writes.reduce((total, write) => total + of(write), 0);
      expect(counts).toEqual({
        samples: sum(({ samples }) => samples.length),
        histograms: sum(({ histograms = [] }) => histograms.length),
        exemplars: sum(({ exemplars }) => exemplars.length),
      });
    }),
    { numRuns },
  );
});

test("several records become one 1.0 request, without start timestamps and histograms with custom bounds", () => {
  fc.assert(
    fc.property(records, external, (batches, labels) => {
      const payloads = batches.map(encodeSeriesBatch);
      const { body, customHistograms } = encodeWriteRequestV1(payloads, labels, () => {});
      const writes = batches
        .flat()
        .map((write) => ({ ...write, labels: withExternal(write.labels, labels) }));
      expect(readWithOracleV1(body).series).toEqual(
        writes.map(oracleViewV1).filter((one) => one !== undefined),
      );
      const custom = writes
        .flatMap(({ histograms = [] }) => histograms)
        .filter((one) => one.histogram.schema === -53);
      expect(customHistograms).toBe(custom.length);
    }),
    { numRuns },
  );
});

test("1.0 says metadata by family in a request of its own", () => {
  const family = { type: "histogram", help: "Wie lange, in Sekunden.", unit: "seconds" } as const;
  const heard: unknown[] = [];
  const write = { startTimestampMs: 5, samples: [{ timestampMs: 7, value: 1 }], exemplars: [] };
  const payload = encodeSeriesBatch([
    { labels: ["__name__", "took_bucket", "le", "1"], ...family, ...write },
    { labels: ["__name__", "unsaid"], type: "unknown", help: "", unit: "", ...write },
  ]);
  encodeWriteRequestV1([payload], [], (...one) => heard.push(one));
  expect(heard).toEqual([["took", family]]);
  expect(readWithOracleV1(encodeMetadataV1([["took", family]])).metadata).toEqual([
    { family: "took", ...family },
  ]);
});

test("series without samples are left out of either request", () => {
  const empty = { type: "gauge", help: "h", unit: "", startTimestampMs: 0, samples: [] } as const;
  const exemplars = [{ labels: ["trace_id", "a"], value: 1, timestampMs: 2 }];
  const full = { ...empty, labels: ["__name__", "b"], samples: [{ timestampMs: 1, value: 2 }], exemplars };
  const payload = encodeSeriesBatch([{ ...empty, labels: ["__name__", "a"], exemplars }, full]);
  const { body, counts } = mergeSeriesBatches([payload]);
  expect(readWithOracle(body).series).toEqual([oracleView(full)]);
  expect(counts).toEqual({ samples: 1, histograms: 0, exemplars: 1 });
  expect(readWithOracleV1(encodeWriteRequestV1([payload], [], () => {}).body).series).toEqual([
    oracleViewV1(full),
  ]);
});

test("mutated records are merged or refused with the decoder's own error, never anything else", () => {
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
          const cut = bytes.subarray(0, bytes.length - (value % 3));
          for (const encode of [
            mergeSeriesBatches,
            (each: Uint8Array[]) => encodeWriteRequestV1(each, [], () => {}),
          ]) {
            try {
              encode([cut]);
            } catch (error) {
              expect(error).toMatchObject({ code: "QUARTET_SERIES_INVALID" });
              refused += 1;
            }
          }
        }
      },
    ),
    { numRuns },
  );
  expect(refused).toBeGreaterThan(100);
});
