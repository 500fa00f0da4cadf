import { expect, test } from "vitest";
import { labelsFromRecord, type SeriesWrite } from "../model/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { createHead, type HeadSettings } from "./index.ts";

function setup(settings: Partial<HeadSettings> = {}) {
  const clock = { ms: 1_000_000, nowMs: () => clock.ms, setTimer: () => () => {} };
  const telemetry = createTelemetry();
  const head = createHead({ retentionMs: 60_000, seriesMax: 100_000, clock, telemetry, ...settings });
  const valuesOf = async (metric: string) => {
    const metrics = (await telemetry.snapshot()) as { name: string; values: object[] }[];
    return metrics.find(({ name }) => name === metric)?.values ?? [];
  };
  return { head, clock, valuesOf };
}

const series = (labels: Record<string, string>, ...timesMs: readonly number[]): SeriesWrite => ({
  labels: labelsFromRecord(labels),
  type: "gauge",
  help: "",
  unit: "",
  startTimestampMs: 0,
  samples: timesMs.map((timestampMs) => ({ timestampMs, value: 1 })),
  exemplars: [],
});

test("a metric over its limit gets no more series, its old ones and other metrics go on, and it is named", async () => {
  const { head, valuesOf } = setup({ seriesPerMetricMax: 2 });
  const user = (id: string, ...timesMs: readonly number[]) => series({ __name__: "logins", id }, ...timesMs);
  const result = head.ingest([
    user("a", 999_999),
    user("b", 999_999),
    user("c", 999_998, 999_999),
    user("a", 1_000_000),
    series({ __name__: "other" }, 1_000_000),
  ]);
  expect([...result.refused]).toEqual([["metric_limit", 2]]);
  expect(result.samplesStored).toBe(4);
  expect(await valuesOf("quartet_store_limited_samples_total")).toMatchObject([
    { labels: { reason: "metric_limit", name: "logins" }, value: 2 },
  ]);
  expect(await valuesOf("quartet_store_refused_samples_total")).toMatchObject([
    { labels: { reason: "metric_limit" }, value: 2 },
  ]);
});

test("a source is the job, without one the service_name, and without both they are one together", () => {
  const { head } = setup({ seriesPerSourceMax: 1 });
  const taken = (labels: Record<string, string>) => head.ingest([series(labels, 1_000_000)]).samplesStored;
  expect(taken({ __name__: "a", job: "shop", service_name: "cart" })).toBe(1);
  expect(taken({ __name__: "b", job: "shop", service_name: "till" })).toBe(0);
  expect(taken({ __name__: "a", service_name: "cart" })).toBe(1);
  expect(taken({ __name__: "b", service_name: "cart" })).toBe(0);
  expect(taken({ __name__: "a" })).toBe(1);
  expect(taken({ __name__: "b" })).toBe(0);
});

test("a series that has left makes room for another of its metric and source", () => {
  const { head, clock } = setup({ seriesPerMetricMax: 1, seriesPerSourceMax: 1 });
  head.ingest([series({ __name__: "m", job: "j", id: "1" }, clock.ms)]);
  clock.ms += 120_000;
  head.ingest([]);
  const next = head.ingest([series({ __name__: "m", job: "j", id: "2" }, clock.ms)]);
  expect(next.samplesStored).toBe(1);
});

test("limits within one batch are told beforehand as they turn out, and nothing is taken by telling", async () => {
  const { head, valuesOf } = setup({ seriesPerMetricMax: 3, seriesPerSourceMax: 4 });
  head.ingest([series({ __name__: "m", id: "0" }, 1_000_000)]);
  const writes = Array.from({ length: 12 }, (_, index) =>
    series({ __name__: index % 2 === 0 ? "m" : "n", id: String(1 + (index >> 1)) }, 1_000_000),
  );
  const { admitted, refused } = head.admit(writes);
  expect(head.admit(writes).admitted).toEqual(admitted);
  const counted = await valuesOf("quartet_store_limited_samples_total");
  const result = head.ingest(writes);
  expect(Object.fromEntries(refused)).toEqual(Object.fromEntries(result.refused));
  expect(new Set(result.touched)).toEqual(new Set(admitted.map(({ labels }) => labels)));
  expect(counted).not.toEqual([]);
});

test("names that pass a limit are counted one by one up to a hundred, the others together", async () => {
  const { head, valuesOf } = setup({ seriesPerSourceMax: 1 });
  const names = Array.from({ length: 150 }, (_, index) => `job${index}`);
  for (const id of ["1", "2"]) {
    head.ingest(names.map((job) => series({ __name__: "m", job, id }, 1_000_000)));
  }
  const values = (await valuesOf("quartet_store_limited_samples_total")) as {
    labels: { name: string };
    value: number;
  }[];
  expect(values).toHaveLength(101);
  expect(values.find(({ labels }) => labels.name === "")).toMatchObject({ value: 50 });
});

test("series that come and go for ever take no more memory than those that live at once", async () => {
  const { head, clock, valuesOf } = setup({ retentionMs: 20_000 });
  const { slots, arena, catalogues } = head.handle();
  const reader = head;
  const sizes: number[] = [];
  const used: number[] = [];
  let made = 0;
  for (let round = 0; round < 300; round += 1) {
    clock.ms += 1_000;
    head.ingest(
      Array.from({ length: 100 }, () => ({
        ...series({ __name__: "churn", pod: `pod-${String(made++)}` }, clock.ms),
        exemplars: [{ labels: ["trace_id", "0".repeat(32)], value: 1, timestampMs: clock.ms }],
      })),
    );
    if (round % 100 !== 99) continue;
    sizes.push(slots.byteLength + arena.byteLength + catalogues[0].byteLength + catalogues[1].byteLength);
    used.push(((await valuesOf("quartet_store_size_bytes"))[0] as { value: number }).value);
    expect(reader.select([], { startMs: clock.ms, endMs: clock.ms })).toHaveLength(100);
  }
  expect(made).toBe(30_000);
  // A series stays for the retention and until the sweep comes by: 20 and 30 rounds.
  const [{ value: living }] = (await valuesOf("quartet_store_series")) as [{ value: number }];
  expect(living).toBeLessThanOrEqual(5_200);
  expect(sizes[2]).toBe(sizes[1]);
  expect(Math.abs(used[2]! - used[1]!)).toBeLessThan(used[1]! / 10);
});
