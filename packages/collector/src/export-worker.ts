import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import type { ExporterConfig } from "./config/index.ts";
import { openStreamReader, type JournalShared } from "./journal/index.ts";
import { systemClock } from "./model/index.ts";
import { createLog, createTelemetry } from "./telemetry/index.ts";
import { serveCalls } from "./thread.ts";

/** What the main thread hands over. */
export interface ExportWorkerData {
  readonly exporters: readonly ExporterConfig[];
  readonly dataDir: string;
  readonly shared: JournalShared;
}

const { exporters, dataDir, shared } = workerData as ExportWorkerData;
const clock = systemClock;
const telemetry = createTelemetry();
const log = createLog((line) => process.stderr.write(line), clock.nowMs);
const stopDeadlineMs = 3_000;
const stack = new AsyncDisposableStack();
