import { expect, test } from "vitest";
import { labelsToRecord, type SeriesWrite } from "../model/index.ts";
import { createSelfSeries } from "./self-series.ts";
import { createTelemetry } from "./telemetry.ts";

const valueOf = (writes: readonly SeriesWrite[], wanted: Record<string, string>) =>
  samplesOf(writes, wanted).at(-1);

function samplesOf(writes: readonly SeriesWrite[], wanted: Record<string, string>) {
  const write = writes.find(
    ({ labels }) => JSON.stringify(labelsToRecord(labels)) === JSON.stringify(wanted),
  );
  return write?.samples ?? [];
}

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

test("a counter that appears at once above zero begins at zero one round earlier, so that its first increase is seen", async () => {
  const telemetry = createTelemetry();
  const dropped = telemetry.counter({ name: "dropped_total", help: "Dropped.", labelNames: ["reason"] });
  telemetry.observedGauge({ name: "lag", help: "Lag." }, (set) => set(7));
  const series = createSelfSeries({}, 500);
  const sampleAt = async (timestampMs: number) =>
    await series.sample([await telemetry.snapshot()], timestampMs);

  dropped.add({ reason: "full" }, 2);
  const first = await sampleAt(1_000);
  expect(samplesOf(first, { __name__: "dropped_total", reason: "full" })).toEqual([
    { timestampMs: 500, value: 0 },
    { timestampMs: 1_000, value: 2 },
  ]);
  expect(samplesOf(first, { __name__: "lag" })).toEqual([{ timestampMs: 1_000, value: 7 }]);

  dropped.add({ reason: "late" }, 3);
  const second = await sampleAt(2_000);
  expect(samplesOf(second, { __name__: "dropped_total", reason: "late" })).toEqual([
    { timestampMs: 1_000, value: 0 },
    { timestampMs: 2_000, value: 3 },
  ]);
  expect(samplesOf(second, { __name__: "dropped_total", reason: "full" })).toEqual([
    { timestampMs: 2_000, value: 2 },
  ]);
});
