import { expect, test } from "vitest";
import { labelValue } from "../model/index.ts";
import { createSeriesTable } from "./series-table.ts";
import { createSources } from "./sources.ts";

function setup() {
  const table = createSeriesTable({
    seriesMax: 100,
    stepMs: 1_000,
    heartbeatSteps: 15,
    isWatched: () => false,
    isKnown: () => false,
  });
  const sources = createSources({ table });
  const silent: string[] = [];
  sources.onSilent(({ instance }) => silent.push(instance));
  const values = new Map<string, number>();
  /** Closes grid points of one second and keeps the last value of every source. */
  const close = (fromMs: number, toMs: number, resumedMs = 0) => {
    for (let gridMs = fromMs; gridMs <= toMs; gridMs += 1_000) {
      sources.closeGrid(gridMs, resumedMs);
      for (const { labels, samples } of table.collectGrid(gridMs))
        values.set(labelValue(labels, "service_instance_id"), samples.at(-1)!.value);
    }
  };
  return { table, sources, silent, values, close };
}

const shop = (instance: string) => ({ service: "shop", instance });

test("a source is up while it is heard and down after three of the intervals it pushes metrics at", () => {
  const { sources, values, close, silent } = setup();
  for (let time = 0; time <= 20_000; time += 2_000) sources.heard(shop("a"), time, true);
  close(1_000, 26_000);
  expect(values.get("a")).toBe(1);
  close(27_000, 27_000);
  expect(values.get("a")).toBe(0);
  expect(silent).toEqual(["a"]);
  sources.heard(shop("a"), 30_500, false);
  close(31_000, 31_000);
  expect(values.get("a")).toBe(1);
});

test("spans in bursts teach no interval shorter than a minute; three minutes of silence are down", () => {
  const { sources, values, close } = setup();
  for (const time of [0, 300, 5_000, 5_200, 9_000]) sources.heard(shop("a"), time, false);
  close(10_000, 189_000);
  expect(values.get("a")).toBe(1);
  close(190_000, 190_000);
  expect(values.get("a")).toBe(0);
});

test("a source that has become slower is not down for ever", () => {
  const { sources, values, close } = setup();
  for (let time = 0; time <= 10_000; time += 1_000) sources.heard(shop("a"), time, true);
  const seen: number[] = [];
  for (let time = 70_000; time <= 600_000; time += 60_000) {
    close(time - 59_000, time);
    seen.push(values.get("a")!);
    sources.heard(shop("a"), time, true);
  }
  expect(seen[0]).toBe(0);
  expect(seen.slice(1)).toEqual(seen.slice(1).map(() => 1));
});

test("silence while the collector itself was away does not count", () => {
  const { sources, values, close } = setup();
  for (let time = 0; time <= 5_000; time += 1_000) sources.heard(shop("a"), time, true);
  close(100_000, 103_000, 100_000);
  expect(values.get("a")).toBe(1);
  close(104_000, 104_000, 100_000);
  expect(values.get("a")).toBe(0);
});

test("a source that stays silent leaves, and a snapshot brings back the others with what was learned", () => {
  const { sources, table, close } = setup();
  for (let time = 0; time <= 10_000; time += 1_000) {
    sources.heard(shop("a"), time, true);
    if (time < 3_000) sources.heard(shop("b"), time, true);
  }
  close(11_000, 12_000);
  sources.sweep(9_000);
  expect(table.size).toBe(1);
  const second = setup();
  second.sources.restore(structuredClone(sources.snapshot()));
  second.close(13_000, 14_000, 10_000);
  expect(second.values.get("a")).toBe(0);
});
