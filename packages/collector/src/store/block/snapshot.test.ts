import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { labelsFromRecord, type Clock } from "../../model/index.ts";
import { createTelemetry, type Log } from "../../telemetry/index.ts";
import { createHead } from "../head-writer.ts";
import { restoreSnapshot, writeSnapshot } from "./snapshot.ts";

const nowMs = 1_800_000_000_000;
const clock: Clock = { nowMs: () => nowMs, setTimer: () => () => {} };
const newHead = () =>
  createHead({ retentionMs: 3_600_000, seriesMax: 100, clock, telemetry: createTelemetry() });

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
