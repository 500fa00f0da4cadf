// A store whose clock goes a minute a step: it appends to many series without end, looks after its blocks every ten minutes of
// that time, and prints `<series> <minute>` for each sample as soon as it is acknowledged. Begins by printing what it found.
import { writeSync } from "node:fs";
import {
  createJournalShared,
  openQuarantine,
  openStreamReader,
  openStreamWriter,
} from "../../packages/collector/src/journal/index.ts";
import type { SeriesWrite } from "../../packages/collector/src/model/index.ts";
import { openStore } from "../../packages/collector/src/open-store.ts";
import { createLog, createTelemetry } from "../../packages/collector/src/telemetry/index.ts";

const [dataDir, firstMinute, minuteCount] = process.argv.slice(2) as [string, string, string];
const minuteMs = 60_000;
const epochMs = 1_800_000_000_000;
let minute = Number(firstMinute);
const clock = { nowMs: () => epochMs + minute * minuteMs, setTimer: () => () => {} };
const telemetry = createTelemetry();
const log = createLog((line) => writeSync(2, line), clock.nowMs);
const journal = {
  dir: dataDir,
  stream: "series",
  shared: createJournalShared(),
  clock,
  telemetry,
  log,
} as const;
const writer = await openStreamWriter({ ...journal, sizeBytesMax: 2 ** 28, segmentSizeBytesMax: 20_000 });
const store = await openStore({
  dataDir,
  writer,
  reader: openStreamReader({ ...journal, consumer: "store" }),
  quarantine: openQuarantine({ ...journal, consumer: "store" }),
  onTouched: () => {},
  retention: { retentionMs: 90 * 24 * 3_600_000, sizeBytesMax: 2 ** 30 },
  seriesMax: 1_000,
  snapshotBytes: 100_000,
  clock,
  telemetry,
  log,
});

const found = store.queryable.select([], { startMs: -Infinity, endMs: Infinity });
for (const { labels, timestampsMs, values } of found) {
  const minutes = Array.from(timestampsMs, (ms) => (ms - epochMs) / minuteMs);
  const isTrue = minutes.every((at, place) => values[place] === at);
  writeSync(1, `found ${labels.at(-1)} ${isTrue} ${minutes.join(",")}\n`);
}
writeSync(1, "begin\n");

const write = (series: number): SeriesWrite => ({
  labels: ["__name__", "minutes", "series", `s${series}`],
  type: "gauge",
  help: "",
  unit: "",
  startTimestampMs: 0,
  samples: [{ timestampMs: clock.nowMs(), value: minute }],
  exemplars: [],
});

for (const end = minute + Number(minuteCount); minute < end; minute += 1) {
  // Each series a record of its own; not all have a sample every minute.
  for (let series = 0; series < 10; series += 1) {
    if (minute % (series + 1) !== 0) continue;
    await store.series.append([write(series)], clock.nowMs());
    // Synchronously: what was printed was acknowledged, whatever happens next.
    writeSync(1, `s${series} ${minute}\n`);
  }
  if (minute % 10 === 0) await store.keeper.look();
}
await writer.close();
