/**
 * How fast the journal takes batches: 8 appenders at a time, each with requests of 280 KB (512 spans), synced before they go on,
 * beside the floor (the same bytes written and synced by hand, no journal).
 * Run: node --conditions=quartet-source bench/journal.ts [seconds]
 */
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, writev } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createJournalShared, openStreamWriter } from "../packages/collector/src/journal/index.ts";
import { createTelemetry } from "../packages/collector/src/telemetry/index.ts";

const appenderCount = 8;
const batchSizeBytes = 280_000;
const spansPerBatch = 512;
const seconds = Number(process.argv[2] ?? 5);

const dir = mkdtempSync(join(tmpdir(), "quartet-bench-journal-"));
const payload = Buffer.alloc(batchSizeBytes);
for (let index = 0; index < payload.length; index += 1) payload[index] = (index * 31) & 0xff;

interface Figures {
  readonly elapsedSeconds: number;
  readonly cpuSeconds: number;
  readonly batches: number;
  readonly syncs: number;
  /** Time of one append, sorted. */
  readonly appendMs: readonly number[];
}

async function measure(append: () => Promise<unknown>): Promise<Omit<Figures, "syncs">> {
  const appendMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  const beganMs = performance.now();
  const endMs = beganMs + seconds * 1000;
  const appender = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const startMs = performance.now();
      await append();
      appendMs.push(performance.now() - startMs);
    }
  };
  await Promise.all(Array.from({ length: appenderCount }, appender));
  const cpu = process.cpuUsage(cpuBefore);
  return {
    elapsedSeconds: (performance.now() - beganMs) / 1000,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    batches: appendMs.length,
    appendMs: appendMs.sort((a, b) => a - b),
  };
}

function print(name: string, figures: Figures): void {
  const { elapsedSeconds, cpuSeconds, batches, syncs, appendMs } = figures;
  const at = (part: number): string => (appendMs[Math.floor(appendMs.length * part)] ?? 0).toFixed(1);
  console.log(
    [
      name.padEnd(8),
      `${((batches * batchSizeBytes) / 1e6 / elapsedSeconds).toFixed(0)} MB/s`,
      `${(syncs / elapsedSeconds).toFixed(0)} syncs/s`,
      `${(batches / syncs).toFixed(1)} batches a sync`,
      `append p50 ${at(0.5)} ms p99 ${at(0.99)} ms`,
      `${cpuSeconds.toFixed(2)} CPU s`,
      `${((batches * spansPerBatch) / cpuSeconds / 1e6).toFixed(2)} M spans per CPU s`,
    ].join("  "),
  );
}

async function benchJournal(): Promise<Figures> {
  const shared = createJournalShared();
  const telemetry = createTelemetry();
  // Nobody reads, so the oldest segments go when the budget is spent: deleting is part of the work.
  const sizeBytesMax = 1024 ** 3;
  const writer = await openStreamWriter({ dir, stream: "spans", shared, sizeBytesMax, telemetry });
  const append = (): Promise<unknown> =>
    writer.append({ payload: [payload], itemCount: spansPerBatch, receivedAtMs: Date.now() });
  const figures = await measure(append);
  await writer.close();
  const metrics = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
  const syncs = metrics.find(({ name }) => name === "quartet_journal_syncs_total")?.values[0]?.value ?? 0;
  return { ...figures, syncs };
}

async function benchFloor(): Promise<Figures> {
  const write = promisify(writev);
  const sync = promisify(fdatasync);
  const fd = openSync(join(dir, "floor"), "w");
  let waiting: (() => void)[] = [];
  let isRunning = false;
  let syncs = 0;
  let position = 0;
  const run = async (): Promise<void> => {
    await Promise.resolve();
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      const buffers = group.map(() => payload);
      await write(fd, buffers, position % 1e9);
      await sync(fd);
      position += buffers.length * batchSizeBytes;
      syncs += 1;
      for (const wake of group) wake();
    }
    isRunning = false;
  };
  const append = (): Promise<void> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (isRunning) return;
      isRunning = true;
      void run();
    });
  const figures = await measure(append);
  closeSync(fd);
  return { ...figures, syncs };
}

try {
  for (let round = 1; round <= 3; round += 1) {
    print("journal", await benchJournal());
    print("floor", await benchFloor());
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
