import { expect, test } from "vitest";
import { labelsToRecord, type SeriesWrite } from "../model/index.ts";
import { createSelfSeries } from "./self-series.ts";
import { createTelemetry } from "./telemetry.ts";

const valueOf = (writes: readonly SeriesWrite[], wanted: Record<string, string>) =>
  writes.find(({ labels }) => JSON.stringify(labelsToRecord(labels)) === JSON.stringify(wanted))?.samples[0];

test("the metrics of all threads become one set of series with the target's labels", async () => {
  const threads = [createTelemetry(), createTelemetry()];
  for (const telemetry of threads) {
    const sent = telemetry.counter({ name: "sent_total", help: "Sent.", labelNames: ["signal"] });
    sent.add({ signal: "logs" }, 3);
    telemetry.histogram({ name: "wait_seconds", help: "Wait.", buckets: [1] }).observe(0.5);
  }
  const series = createSelfSeries({ job: "quartet", instance: "here:1" }, 500);
  const writes = await series.sample(await Promise.all(threads.map((thread) => thread.snapshot())), 1_000);
  const target = { instance: "here:1", job: "quartet" };
  expect(valueOf(writes, { __name__: "sent_total", ...target, signal: "logs" })).toEqual({
    timestampMs: 1_000,
    value: 6,
  });
  expect(valueOf(writes, { __name__: "wait_seconds_bucket", ...target, le: "1" })?.value).toBe(2);
  expect(valueOf(writes, { __name__: "wait_seconds_bucket", ...target, le: "+Inf" })?.value).toBe(2);
  expect(valueOf(writes, { __name__: "wait_seconds_sum", ...target })?.value).toBe(1);
  expect(writes.map(({ startTimestampMs }) => startTimestampMs)).toEqual([500, 500, 500, 500, 500]);
  expect(new Set(writes.map(({ type }) => type))).toEqual(new Set(["counter", "histogram"]));
});

test("a series that is gone ends once with a staleness marker", async () => {
  const telemetry = createTelemetry();
  let reason = "dns";
  telemetry.observedGauge({ name: "paused", help: "Paused.", labelNames: ["reason"] }, (set) =>
    set(1, { reason }),
  );
  const series = createSelfSeries({}, 0);
  await series.sample([await telemetry.snapshot()], 1_000);
  reason = "tls";
  const second = await series.sample([await telemetry.snapshot()], 2_000);
  expect(valueOf(second, { __name__: "paused", reason: "tls" })?.value).toBe(1);
  expect(valueOf(second, { __name__: "paused", reason: "dns" })).toEqual({
    timestampMs: 2_000,
    value: Number.NaN,
    isStale: true,
  });
  const third = await series.sample([await telemetry.snapshot()], 3_000);
  expect(third).toHaveLength(1);
});
