import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Clock } from "../model/index.ts";
import { createTelemetry, type Telemetry } from "../telemetry/index.ts";
import { createEvictionForecast } from "./eviction-forecast.ts";
import { nodeFiles, type JournalFiles } from "./files.ts";
import { openStreamReader } from "./reader.ts";
import { createJournalShared } from "./shared.ts";
import { openStreamWriter } from "./writer.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const stream = "spans";
/** Nothing here is about power cuts, and a sync costs more than all the rest. */
const files: JournalFiles = {
  ...nodeFiles,
  sync: () => Promise.resolve(),
  syncFolder: () => Promise.resolve(),
  syncNow: () => undefined,
  syncFolderNow: () => undefined,
};
const exporter = "export.jaeger.traces";

/** A clock whose hands a test turns; timers that are due call back in between. */
function createTurnedClock(): Clock & { advance(byMs: number): void } {
  let nowMs = 0;
  let timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    setTimer(callback, delayMs) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return () => (timers = timers.filter((other) => other !== timer));
    },
    advance(byMs) {
      nowMs += byMs;
      const due = timers.filter(({ atMs }) => atMs <= nowMs);
      timers = timers.filter(({ atMs }) => atMs > nowMs);
      for (const { callback } of due) callback();
    },
  };
}

async function valuesOf(telemetry: Telemetry, name: string): Promise<Record<string, number>> {
  const metrics = (await telemetry.snapshot()) as {
    name: string;
    values: { labels: { stream: string; consumer: string }; value: number }[];
  }[];
  const values = metrics.find((candidate) => candidate.name === name)?.values ?? [];
  return Object.fromEntries(values.map(({ labels, value }) => [labels.consumer, value]));
}

test(
  "the warning says when a dead exporter begins to lose records, and then it does, counted by record and item",
  { timeout: 30_000 },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "quartet-eviction-"));
    folders.push(dir);
    const clock = createTurnedClock();
    const telemetry = createTelemetry();
    const shared = createJournalShared();
    const writer = await openStreamWriter({
      dir,
      stream,
      shared,
      sizeBytesMax: 5_000_000,
      segmentSizeBytesMax: 250_000,
      compression: { afterMs: Number.POSITIVE_INFINITY, share: 1 },
      consumers: [
        { name: "derive", kind: "state" },
        { name: exporter, kind: "exporter" },
        { name: "export.other.traces", kind: "exporter" },
      ],
      clock,
      telemetry,
      files,
    });
    const open = (consumer: string) => openStreamReader({ dir, stream, shared, consumer, clock, files });
    const derive = open("derive");
    const other = open("export.other.traces");
    const seconds = () => valuesOf(telemetry, "quartet_journal_seconds_until_eviction");
    const evicted = async () =>
      (await valuesOf(telemetry, "quartet_journal_evicted_records_total"))[exporter] ?? 0;
    let elapsedSeconds = 0;
    const predictions: number[] = [];
    while ((await evicted()) === 0) {
      // 10 kB a second, and one of the two exporters never takes any.
      await writer.append({ payload: [Buffer.alloc(50_000)], itemCount: 7, receivedAtMs: clock.nowMs() });
      for (const reader of [derive, other]) {
        while (reader.read({ sizeBytesMax: 1_000_000 }).length > 0);
        reader.commit(reader.nextOffset);
      }
      clock.advance(5_000);
      elapsedSeconds += 5;
      const found = await seconds();
      expect(found["export.other.traces"]).toBe(Number.POSITIVE_INFINITY);
      expect(found).not.toHaveProperty("derive");
      if (elapsedSeconds % 100 === 0) predictions.push(elapsedSeconds + found[exporter]!);
    }
    expect(elapsedSeconds).toBeGreaterThan(400);
    // Every warning named the same end, to within a segment.
    for (const prediction of predictions) expect(Math.abs(prediction - elapsedSeconds)).toBeLessThan(60);
    const records = await evicted();
    expect(records).toBeLessThanOrEqual(5);
    expect((await valuesOf(telemetry, "quartet_journal_evicted_items_total"))[exporter]).toBe(7 * records);
    derive.close();
    other.close();
    await writer.close();
    expect(await seconds()).toEqual({});
  },
);

test("an exporter that is not configured any more holds its records, which is said at the start, and is not warned of", async () => {
  const dir = mkdtempSync(join(tmpdir(), "quartet-eviction-"));
  folders.push(dir);
  const clock = createTurnedClock();
  const telemetry = createTelemetry();
  const warnings: unknown[] = [];
  const log = {
    info: () => undefined,
    warn: (_message: string, fields?: object) => void warnings.push(fields),
    error: () => undefined,
  };
  const open = (consumers: readonly string[]) =>
    openStreamWriter({
      dir,
      stream,
      shared: createJournalShared(),
      segmentSizeBytesMax: 1_000,
      consumers: consumers.map((name) => ({ name, kind: "exporter" })),
      clock,
      telemetry,
      log,
      files,
    });
  const [gone, stays] = ["export.gone.traces", "export.stays.traces"];
  for (const consumer of [gone, stays])
    openStreamReader({ dir, stream, shared: createJournalShared(), consumer, files }).commit(0);
  const first = await open([gone, stays]);
  for (let record = 0; record < 5; record += 1)
    await first.append({ payload: [Buffer.alloc(900)], itemCount: 1, receivedAtMs: 0 });
  await first.close();
  expect(warnings).toEqual([]);
  const second = await open([stays]);
  const cursor = join(dir, "journal", "cursors", `${stream}.${gone}.json`);
  expect(warnings).toEqual([{ stream, consumer: gone, cursor }]);
  await second.retain();
  expect(Object.keys(await valuesOf(telemetry, "quartet_journal_seconds_until_eviction"))).toEqual([stays]);
  rmSync(cursor);
  await second.close();
  await (await open([stays])).close();
  expect(warnings).toHaveLength(1);
});

test("a lag that does not grow is no danger, however large; the steeper of two growths counts", () => {
  const forecast = createEvictionForecast();
  const room = { sizeBytes: 600_000, diskShare: 1 };
  expect(forecast.seconds("a", room)).toBe(Number.POSITIVE_INFINITY);
  // A batch more within a few seconds is no outage.
  for (let atMs = 0; atMs <= 15_000; atMs += 5_000) forecast.observe("b", { atMs, lagBytes: 100 * atMs });
  expect(forecast.seconds("b", room)).toBe(Number.POSITIVE_INFINITY);
  for (let atMs = 0; atMs <= 300_000; atMs += 5_000) forecast.observe("a", { atMs, lagBytes: 5_000_000 });
  expect(forecast.seconds("a", room)).toBe(Number.POSITIVE_INFINITY);
  // An outage: 2 kB a second more.
  for (let step = 1; step <= 6; step += 1)
    forecast.observe("a", { atMs: 300_000 + 5_000 * step, lagBytes: 5_000_000 + 10_000 * step });
  expect(forecast.seconds("a", room)).toBe(300);
  // What is kept compressed takes a fifth.
  expect(forecast.seconds("a", { ...room, diskShare: 0.2 })).toBe(1_500);
  // It catches up a little, yet over five minutes it falls behind.
  for (let step = 7; step <= 12; step += 1)
    forecast.observe("a", { atMs: 300_000 + 5_000 * step, lagBytes: 5_060_000 - 1_000 * step });
  expect(forecast.seconds("a", room)).toBeGreaterThan(1_000);
  expect(forecast.seconds("a", room)).toBeLessThan(Number.POSITIVE_INFINITY);
  expect(forecast.seconds("a", { sizeBytes: -5, diskShare: 1 })).toBe(0);
});
