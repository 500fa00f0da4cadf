import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { HistogramWrite, SeriesWrite } from "../model/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import type { ReaderReport } from "./concurrent.test-kit.ts";
import { createHead } from "./index.ts";

/** The value that a sample must have, so that a reader can tell a sample of another series or a torn one. */
const valueOf = (series: number, timestampMs: number) => series * 1e9 + timestampMs;

function histogramAt(series: number, timestampMs: number): HistogramWrite {
  const indexes = Array.from({ length: (series * timestampMs) % 30 }, (_, index) => index);
  const counts = indexes.map((index) => index % 9);
  const count = counts.reduce((sum, one) => sum + one, 0);
  return {
    timestampMs,
    counts: "integer",
    histogram: {
      counterResetHint: "unknown",
      schema: 8,
      zeroThreshold: 0,
      zeroCount: 0,
      count,
      sum: valueOf(series, timestampMs),
      positive: { indexes, counts },
      negative: { indexes: [], counts: [] },
      customValues: [],
    },
  };
}

test("readers in other threads see only whole, ordered samples of the right series while blocks, slots and logs are recycled", async () => {
  const clock = { ms: 1, nowMs: () => clock.ms, setTimer: () => () => {} };
  const head = createHead({
    retentionMs: 3_000,
    seriesMax: 400,
    arenaBytesMax: 2 * 1024 * 1024,
    outOfOrderWindowMs: 500,
    clock,
    telemetry: createTelemetry(),
  });
  const stop = new SharedArrayBuffer(4);
  const workers = [1, 2].map(
    () =>
      new Worker(new URL("concurrent.test-kit.ts", import.meta.url), {
        workerData: { handle: head.handle(), stop },
      }),
  );
  const reports = workers.map(async (worker) => (await once(worker, "message"))[0] as ReaderReport);

  const write = (series: number, timestampMs: number): SeriesWrite => ({
    labels: ["__name__", "m", "series", String(series), "space", `${series}${"-".repeat(90)}`],
    type: "gauge",
    help: "",
    unit: "",
    startTimestampMs: 0,
    // Every tenth series has histograms, whose sizes differ.
    ...(series % 10 === 0
      ? { samples: [], histograms: [histogramAt(series, timestampMs)] }
      : { samples: [{ timestampMs, value: valueOf(series, timestampMs) }] }),
    exemplars: [{ labels: ["trace_id", String(series)], value: valueOf(series, timestampMs), timestampMs }],
  });
  // Three seconds, or longer on a busy machine: until the catalogue has been written anew at least once.
  const generation = () => new Int32Array(head.handle().control)[0]!;
  const [enoughAtMs, endAtMs] = [Date.now() + 3_000, Date.now() + 60_000];
  const isEnough = () => Date.now() > endAtMs || (Date.now() > enoughAtMs && generation() > 0);
  let stored = 0;
  for (let round = 0; !isEnough(); round += 1) {
    clock.ms += 10;
    // Series come and go: each lives for some rounds, then its slot and its blocks serve another.
    const oldest = Math.floor(round / 4);
    const writes = Array.from({ length: 100 }, (_, index) =>
      // Every fifth sample comes late, so that blocks are shifted and split under the readers' eyes.
      write(oldest + index, index % 5 === 0 ? clock.ms - 35 : clock.ms),
    );
    stored += head.ingest(writes).samplesStored;
    if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(new Int32Array(stop), 0, 1);
  const results = await Promise.all(reports);
  await Promise.all(workers.map((worker) => worker.terminate()));
  expect(stored).toBeGreaterThan(10_000);
  for (const result of results) {
    expect(result.faults).toEqual([]);
    expect(result.samplesSeen).toBeGreaterThan(10_000);
    expect(result.exemplarsSeen).toBeGreaterThan(0);
    expect(result.histogramsSeen).toBeGreaterThan(100);
    // Readers outlive several generations of series.
    expect(result.seriesSeen).toBeGreaterThan(150);
  }
  expect(generation()).toBeGreaterThan(0);
}, 90_000);
