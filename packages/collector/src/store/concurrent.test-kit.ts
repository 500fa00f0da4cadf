import { parentPort, workerData } from "node:worker_threads";
import { openHeadReader, type HeadHandle } from "./index.ts";

/** What a reader of the test in concurrent.test.ts found. */
export interface ReaderReport {
  readonly samplesSeen: number;
  readonly exemplarsSeen: number;
  readonly histogramsSeen: number;
  readonly seriesSeen: number;
  readonly faults: readonly string[];
}

const { handle, stop } = workerData as { readonly handle: HeadHandle; readonly stop: SharedArrayBuffer };
const reader = openHeadReader(handle);
const stopped = new Int32Array(stop);
const faults: string[] = [];
const seen = new Set<string>();
const everything = { startMs: -Infinity, endMs: Infinity };
let samplesSeen = 0;
let exemplarsSeen = 0;
let histogramsSeen = 0;

const fault = (text: string) => {
  if (faults.length < 10) faults.push(text);
};

while (Atomics.load(stopped, 0) === 0) {
  for (const { labels, timestampsMs, values, histograms } of reader.select([], everything)) {
    const name = labels[3]!;
    seen.add(name);
    let before = -Infinity;
    for (let at = 0; at < timestampsMs.length; at += 1) {
      const time = timestampsMs[at]!;
      if (time <= before) fault(`series ${name}: ${time} after ${before}`);
      const value = histograms === undefined ? values[at] : histograms[at]?.sum;
      if (histograms !== undefined) histogramsSeen += 1;
      if (value !== Number(name) * 1e9 + time) fault(`series ${name}: ${String(value)} at ${time}`);
      before = time;
    }
    samplesSeen += timestampsMs.length;
  }
  for (const { labels, exemplars } of reader.exemplars([], everything)) {
    for (const exemplar of exemplars) {
      exemplarsSeen += 1;
      const isRight =
        exemplar.labels[1] === labels[3] && exemplar.value === Number(labels[3]) * 1e9 + exemplar.timestampMs;
      if (!isRight) fault(`series ${labels[3]}: exemplar ${JSON.stringify(exemplar)}`);
    }
  }
}
const report: ReaderReport = { samplesSeen, exemplarsSeen, histogramsSeen, seriesSeen: seen.size, faults };
parentPort!.postMessage(report);
