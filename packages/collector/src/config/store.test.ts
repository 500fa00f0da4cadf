import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const storeOf = (text: string) =>
  parseConfig(text, { file: "quartet.yaml", env: {}, isInsecure: false }).store;

test("one metric and one source leave room for others unless the file says otherwise", () => {
  expect(storeOf("")).toMatchObject({
    seriesMax: 200_000,
    seriesPerMetricMax: 100_000,
    seriesPerSourceMax: 150_000,
  });
  expect(storeOf("store: { series_max: 1 }")).toMatchObject({ seriesPerMetricMax: 1, seriesPerSourceMax: 1 });
  expect(storeOf("store: { series_per_metric_max: 7, series_per_source_max: 300000 }")).toMatchObject({
    seriesPerMetricMax: 7,
    seriesPerSourceMax: 300_000,
  });
});

test("late samples may be taken for longer, or not at all", () => {
  expect(storeOf("").outOfOrderWindowMs).toBe(60_000);
  expect(storeOf("store: { out_of_order_time_window: 30m }").outOfOrderWindowMs).toBe(1_800_000);
  expect(storeOf("store: { out_of_order_time_window: 0s }").outOfOrderWindowMs).toBe(0);
  expect(() => storeOf("store: { out_of_order_time_window: late }")).toThrow(
    'store.out_of_order_time_window: "late" is no duration; write 0 or a number with a unit',
  );
});
