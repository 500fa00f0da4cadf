import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { labelsFromRecord, type Clock, type Exemplar } from "../../model/index.ts";
import { createTelemetry, type Log } from "../../telemetry/index.ts";
import { eachChunk } from "../chunk/index.ts";
import { createHead } from "../head-writer.ts";
import { snapshotName } from "./block-file.ts";
import { openBlockWriter } from "./block-writer.ts";
import { restoreSnapshot, writeSnapshot } from "./snapshot.ts";

const nowMs = 1_800_000_000_000;
const clock: Clock = { nowMs: () => nowMs, setTimer: () => () => {} };
const newHead = () =>
  createHead({ retentionMs: 3_600_000, seriesMax: 500, clock, telemetry: createTelemetry() });

const everything = { startMs: -Infinity, endMs: Infinity };

const exemplarAt = (at: number): Exemplar => ({
  labels: ["trace_id", at.toString(16).padStart(32, "0")],
  value: at,
  timestampMs: nowMs + at,
});

test("exemplars that fill several parts come back, each of its series", async () => {
  const dir = await mkdtemp(join(tmpdir(), "quartet-snapshot-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const head = newHead();
  head.ingest(
    Array.from({ length: 300 }, (_, series) => ({
      labels: labelsFromRecord({ __name__: "m", series: String(series) }),
      type: "gauge",
      help: "",
      unit: "",
      startTimestampMs: 0,
      samples: [{ timestampMs: nowMs, value: 1 }],
      exemplars: Array.from({ length: 5 }, (_, at) => exemplarAt(series * 5 + at)),
    })),
  );
  await writeSnapshot(head, { dir, place: {} });
  const again = newHead();
  restoreSnapshot(again, dir, {} as Log);
  const found = again.exemplars([], everything);
  expect(found).toEqual(head.exemplars([], everything));
  expect(found.flatMap(({ exemplars }) => exemplars)).toHaveLength(1_500);
});

test("exemplars of a snapshot from before there were parts are read as well", async () => {
  const dir = await mkdtemp(join(tmpdir(), "quartet-snapshot-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const labels = labelsFromRecord({ __name__: "m" });
  using writer = openBlockWriter(join(dir, snapshotName));
  const columns = { timestampsMs: Float64Array.of(nowMs), values: Float64Array.of(1) };
  writer.add(labels, eachChunk(columns));
  const exemplars = [{ labels, exemplars: [exemplarAt(1)] }];
  writer.finish({ startMs: 0, endMs: 0 }, { place: {}, metadata: [], exemplars });
  const head = newHead();
  restoreSnapshot(head, dir, {} as Log);
  expect(head.exemplars([], everything)).toEqual(exemplars);
});

test("a snapshot that is broken off leaves the last one as it was, and nothing else", async () => {
  const dir = await mkdtemp(join(tmpdir(), "quartet-snapshot-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const head = newHead();
  head.ingest(
    ["a", "b", "c"].map((name) => ({
      labels: labelsFromRecord({ __name__: name }),
      type: "gauge",
      help: "",
      unit: "",
      startTimestampMs: 0,
      samples: [{ timestampMs: nowMs, value: 1 }],
      exemplars: [],
    })),
  );
  await writeSnapshot(head, { dir, place: { offset: 1 } });
  const aborting = new AbortController();
  const slow = {
    ...head,
    *scan(...range: Parameters<typeof head.scan>) {
      for (const series of head.scan(...range)) {
        yield series;
        aborting.abort(new Error("stopping"));
        for (const beganMs = performance.now(); performance.now() - beganMs < 6;);
      }
    },
  };
  const written = writeSnapshot(slow, { dir, place: { offset: 2 }, signal: aborting.signal });
  await expect(written).rejects.toThrow("stopping");
  expect(await readdir(dir)).toEqual(["head.snapshot"]);
  expect(restoreSnapshot(newHead(), dir, {} as Log)).toEqual({ offset: 1 });
});
