// What derive costs: CPU time per span from the record to the series, over batches of 512 spans of some 560 bytes with
// 10 attributes. Rounds take turns, as a busy machine changes its pace; the median and the range are printed. Every round
// checks what was counted: a scanner and a reader that disagree are fast because they do nothing.
// `node --conditions=quartet-source bench/derive.ts [rounds] [seconds a round]`
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDerive } from "../packages/collector/src/derive/index.ts";
import {
  labelsKey,
  labelValue,
  systemClock,
  type JournalRecord,
  type Quarantine,
  type StreamReader,
} from "../packages/collector/src/model/index.ts";
import { encodeRequest, encodeSeriesBatch, scanSpans } from "../packages/collector/src/otlp/index.ts";
import { createLog, createTelemetry } from "../packages/collector/src/telemetry/index.ts";
import { buildSpans, spansPerBatch } from "./spans.ts";

const rounds = Number(process.argv[2] ?? 5);
const secondsPerCase = Number(process.argv[3] ?? 2);
const distinctBatches = 48;

const batches = Array.from({ length: distinctBatches }, (_, index) =>
  encodeRequest("spans", buildSpans(index)),
);
const sizeBytes = batches.reduce((sum, batch) => sum + batch.length, 0) / (distinctBatches * spansPerBatch);

const cases: readonly {
  readonly name: string;
  readonly measure: () => number | Promise<number>;
  readonly micros: number[];
}[] = [
  { name: "scan alone", measure: measureScan, micros: [] },
  { name: "derive, nothing watched", measure: () => measureDerive(false), micros: [] },
  { name: "derive, every calls_total watched", measure: () => measureDerive(true), micros: [] },
];
// The first round warms up and is not counted.
for (let round = 0; round <= rounds; round += 1) {
  for (const { measure, micros } of cases) {
    const measured = await measure();
    if (round > 0) micros.push(measured);
  }
}
for (const { name, micros } of cases) report(name, micros);

function measureScan(): number {
  let spanCount = 0;
  const before = process.cpuUsage();
  const endMs = Date.now() + secondsPerCase * 1_000;
  for (let index = 0; Date.now() < endMs; index += 1) {
    scanSpans(batches[index % distinctBatches]!, () => (spanCount += 1));
  }
  return microsPerSpan(before, spanCount);
}

/** A stream that always has as much as was not read yet of what the clock allows: `limit` records, then nothing. */
async function measureDerive(watched: boolean): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "quartet-bench-"));
  let offset = 0;
  let isOver = false;
  let overMs = 0;
  let exemplars = 0;
  let edges = 0;
  const callsOf = new Map<string, number>();
  let done = () => {};
  const spans: StreamReader = {
    ...emptyReader(),
    get nextOffset() {
      return offset;
    },
    read() {
      if (isOver) return [];
      const record: JournalRecord = {
        position: { stream: "spans", shard: 0, offset },
        receivedAtMs: Date.now(),
        itemCount: spansPerBatch,
        payload: batches[offset % distinctBatches]!,
      };
      offset += 1;
      return [record];
    },
  };
  const quarantine: Quarantine = {
    put(_record, error) {
      throw error;
    },
    async settled() {},
  };
  const derive = createDerive({
    readers: { spans, logs: emptyReader(), metrics: emptyReader() },
    quarantines: { spans: quarantine, logs: quarantine, metrics: quarantine },
    async appendSeries(writes) {
      encodeSeriesBatch(writes);
      for (const { labels, samples, exemplars: examples } of writes) {
        exemplars += examples.length;
        const name = labelValue(labels, "__name__");
        if (name === "traces_span_metrics_calls_total") callsOf.set(labelsKey(labels), samples.at(-1)!.value);
        if (name === "traces_service_graph_request_total") edges += 1;
      }
      // The last grid point holds all that was received.
      if (isOver && Date.now() > overMs + 1_500) done();
    },
    lastSeriesTimestampMs: () => 0,
    lastSampleMs: () => undefined,
    isWatched: (labels) => watched && labelValue(labels, "__name__") === "traces_span_metrics_calls_total",
    stateFile: join(folder, "derive.snapshot"),
    limits: { seriesMax: 100_000 },
    clock: systemClock,
    telemetry: createTelemetry(),
    log: createLog((line) => process.stderr.write(line), Date.now),
  });
  const before = process.cpuUsage();
  await derive.start();
  // The collector's timers do not keep a process alive; this one does.
  const alive = setInterval(() => {}, 1_000);
  await new Promise<void>((resolve) => {
    done = resolve;
    setTimeout(() => {
      isOver = true;
      overMs = Date.now();
    }, secondsPerCase * 1_000);
  });
  clearInterval(alive);
  const result = microsPerSpan(before, offset * spansPerBatch);
  await derive.stop();
  rmSync(folder, { recursive: true });
  const calls = [...callsOf.values()].reduce((sum, value) => sum + value, 0);
  if (calls !== offset * spansPerBatch || exemplars === 0 || edges === 0) {
    throw new Error(
      `${offset * spansPerBatch} spans gave ${calls} calls, ${exemplars} exemplars, ${edges} edges`,
    );
  }
  return result;
}

function emptyReader(): StreamReader {
  return {
    nextOffset: 0,
    read: () => [],
    waitForMore: (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    seek: () => 0,
    commit() {},
    lag: () => ({ records: 0, items: 0, bytes: 0, seconds: 0 }),
    close() {},
  };
}

function microsPerSpan(before: NodeJS.CpuUsage, spanCount: number): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / spanCount;
}

function report(name: string, measured: readonly number[]): void {
  const sorted = measured.toSorted((a, b) => a - b);
  const micros = sorted[Math.floor(sorted.length / 2)]!;
  const perSecond = Math.round(1e6 / micros).toLocaleString("en");
  const range = `${sorted[0]!.toFixed(3)} to ${sorted.at(-1)!.toFixed(3)}`;
  process.stdout.write(
    `${name}: ${micros.toFixed(3)} µs a span (${range}; ${perSecond} spans a CPU second; ${sizeBytes.toFixed(0)} bytes a span)\n`,
  );
}
