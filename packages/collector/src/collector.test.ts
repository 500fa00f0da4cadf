import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import { startCollector } from "./collector.ts";
import { parseConfig } from "./config/index.ts";
import { systemClock } from "./model/index.ts";
import { createLog } from "./telemetry/index.ts";

const config = parseConfig('receive: { otlp: { listen: ["127.0.0.1:0"] } }\napi: { listen: "127.0.0.1:0" }', {
  file: "test",
  env: {},
});
const log = createLog(() => undefined, systemClock.nowMs);

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "quartet-collector-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const start = (dataDir: string, signal?: AbortSignal) =>
  startCollector({
    config,
    dataDir,
    clock: systemClock,
    log,
    ...(signal === undefined ? {} : { signal }),
  });

test("a start that is called off rejects with the reason and gives the data directory free", async ({
  expect,
}) => {
  const dataDir = tempDir();
  const reason = new Error("called off");
  await expect(start(dataDir, AbortSignal.abort(reason))).rejects.toBe(reason);
  const collector = await start(dataDir);
  await Promise.all([collector.stop(), collector.stop()]);
  await (await start(dataDir)).stop();
  // Each start brings up three threads, which takes a busy machine seconds.
}, 60_000);

test("a data directory that cannot be written is named with the flag that moves it", async ({ expect }) => {
  const file = join(tempDir(), "file");
  writeFileSync(file, "");
  await expect(start(file)).rejects.toMatchObject({
    code: "QUARTET_JOURNAL_UNAVAILABLE",
    message: expect.stringMatching(/file cannot be written .*--data-dir/) as unknown,
  });
});
