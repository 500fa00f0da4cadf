import { expect, test } from "vitest";
import type { Labels } from "../model/index.ts";
import { SeriesByLabels } from "./series-by-labels.ts";

interface Series {
  readonly slot: number;
  readonly labels: Labels;
}

const labelsOf = (number: number): Labels => ["__name__", `m${number % 7}`, "n", String(number)];

test("what was added and not removed is found, nothing else, in whatever order it came and went", () => {
  const bySlot: (Series | undefined)[] = [];
  const table = new SeriesByLabels<Series>(bySlot);
  const wanted = new Map<number, Series>();
  // A congruential generator: the same numbers each time.
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let step = 0; step < 60_000; step += 1) {
    // Grows, then shrinks.
    const number = random(step < 30_000 ? 8_000 : 4_000);
    const known = wanted.get(number);
    expect(table.find([...labelsOf(number)])).toBe(known);
    if (known === undefined) {
      const free = bySlot.indexOf(undefined);
      const series = { slot: free === -1 || step % 3 > 0 ? bySlot.length : free, labels: labelsOf(number) };
      bySlot[series.slot] = series;
      table.add(series);
      wanted.set(number, series);
    } else if (random(3) === 0) {
      table.remove(known);
      bySlot[known.slot] = undefined;
      wanted.delete(number);
    }
  }
  expect(wanted.size).toBeGreaterThan(1_000);
  expect(table.size).toBe(wanted.size);
  for (let number = 0; number < 8_000; number += 1)
    expect(table.find(labelsOf(number))).toBe(wanted.get(number));
});

test("labels that read the same together are told apart", () => {
  const bySlot: Series[] = [
    ["a", "bc"],
    ["ab", "c"],
    ["a", "b", "c", ""],
    ["a", "b\uffffc"],
    ["a", "b", "c"],
    [],
  ].map((labels, slot) => ({ slot, labels }));
  const table = new SeriesByLabels<Series>(bySlot);
  for (const series of bySlot) table.add(series);
  for (const series of bySlot) expect(table.find([...series.labels])).toBe(series);
  expect(table.find(["abc"])).toBe(undefined);
});
