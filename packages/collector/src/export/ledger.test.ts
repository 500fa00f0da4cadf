import { expect, test } from "vitest";
import type { DeadLetters, JournalRecord } from "../model/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { Ledger } from "./ledger.ts";
import { exportMetrics } from "./metrics.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

test("an item of a replayed record, whose items were counted when they first came, is not counted again when it is refused again", async () => {
  const telemetry = createTelemetry();
  const kept: number[] = [];
  const deadLetters: DeadLetters = {
    append: async ({ itemCount }) => {
      kept.push(itemCount);
      return "kept";
    },
    close: async () => undefined,
  };
  const labels = { exporter: "search", signal: "logs" };
  const ledger = new Ledger({ labels, deadLetters, metrics: exportMetrics(telemetry), log: silent });
  const recordOf = (offset: number, itemCount: number): JournalRecord => ({
    position: { stream: "logs", shard: 0, offset },
    receivedAtMs: 1,
    itemCount,
    payload: new Uint8Array(1),
  });
  const [replayed, fresh] = [recordOf(0, 0), recordOf(1, 3)];
  const refused = { index: 0, payload: new Uint8Array(1), message: "400" };
  await ledger.accepted([replayed, fresh], {
    kind: "accepted",
    rejectedCount: 0,
    message: "",
    undecodable: [],
    deadLetters: [
      { record: replayed, ...refused },
      { record: fresh, ...refused },
    ],
  });
  const total = async (name: string) => {
    const metrics = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
    return metrics.find((metric) => metric.name === name)!.values.reduce((sum, { value }) => sum + value, 0);
  };
  expect(await total("quartet_export_dead_letter_items_total")).toBe(1);
  expect(await total("quartet_export_sent_items_total")).toBe(2);
  // Replayed to the whole stream it is an item again.
  expect(kept).toEqual([1, 1]);
});
