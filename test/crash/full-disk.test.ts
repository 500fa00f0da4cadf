import { spawnSync } from "node:child_process";
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  createJournalShared,
  openQuarantine,
  openStreamReader,
  openStreamWriter,
  readDeadLetters,
  readSegments,
} from "../../packages/collector/src/journal/index.ts";
import { systemClock } from "../../packages/collector/src/model/index.ts";
import { createOtlpReceiver } from "../../packages/collector/src/receive/index.ts";
import { createTelemetry, type Log } from "../../packages/collector/src/telemetry/index.ts";
import { newTraceId, sendSpans } from "../scenario/spans.ts";
import { openTempDir, until } from "../support/index.ts";

/**
 * A file system in memory of 4 MiB, for which one must be root on Linux. Elsewhere the simulated disk of journal-faults.test.ts
 * stands alone for a full one.
 */
function mountSmallDisk(folder: string): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  return (
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], { timeout: 10_000 }).status === 0
  );
}

const probe = await openTempDir("small-disk-probe");
const canMount = mountSmallDisk(probe.path);
if (canMount) spawnSync("umount", [probe.path], { timeout: 10_000 });
await probe.remove();

/** Takes all the room there is. */
function fill(path: string): void {
  const fd = openSync(path, "w");
  try {
    for (const size of [65_536, 4_096, 1]) {
      const bytes = Buffer.alloc(size, 0xaa);
      try {
        for (;;) writeSync(fd, bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOSPC" });
      }
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

const quiet: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

test.skipIf(!canMount)(
  `on a disk that is really full clients are told 503, nothing is corrupted, and all goes on by itself when space returns${canMount ? "" : " (needs root on Linux, to mount a small one)"}`,
  async () => {
    await using folder = await openTempDir("full-disk");
    const disk = join(folder.path, "disk");
    mkdirSync(disk);
    expect(mountSmallDisk(disk)).toBe(true);
    try {
      const dir = join(disk, "data");
      const shared = createJournalShared();
      const consumers = [{ name: "derive", kind: "state" }] as const;
      const compression = { afterMs: 0, share: 1 };
      const telemetry = createTelemetry();
      const writer = await openStreamWriter({
        dir,
        stream: "spans",
        shared,
        consumers,
        compression,
        segmentSizeBytesMax: 100_000,
        telemetry,
        log: quiet,
      });
      const receiver = createOtlpReceiver({
        listen: [{ host: "127.0.0.1", port: 0 }],
        requestSizeBytesMax: 1024 * 1024,
        tokens: () => [],
        append: (_signal, batch) => writer.append(batch),
        clock: systemClock,
        telemetry,
        log: quiet,
      });
      const [address] = await receiver.start();
      const acknowledged: string[] = [];
      const send = async (): Promise<number> => {
        const traceId = newTraceId();
        const span = { traceId, service: "s", kind: "server", endMs: Date.now(), durationMs: 1 } as const;
        const spans = Array.from({ length: 20 }, (_, index) => ({ ...span, name: `GET /${index}` }));
        const status = await sendSpans(`http://${address}`, spans);
        if (status === 200) acknowledged.push(traceId);
        return status;
      };
      const quarantine = openQuarantine({ dir, stream: "spans", consumer: "derive" });
      const reader = openStreamReader({ dir, stream: "spans", shared, consumer: "derive" });
      for (let round = 0; round < 3; round += 1) {
        for (let count = 0; count < 60; count += 1) expect(await send()).toBe(200);
        const ballast = join(disk, `ballast-${round}`);
        fill(ballast);
        await until(async () => (await send()) === 503, { deadlineMs: 20_000, what: "the first 503" });
        for (let count = 0; count < 5; count += 1) expect(await send()).toBe(503);
        // What works in the background fails as well, and damages nothing.
        await writer.compact();
        const [record] = reader.read({ sizeBytesMax: 1 });
        quarantine.put(record!, new Error("poison"));
        await expect(quarantine.settled()).rejects.toMatchObject({});
        rmSync(ballast);
        await until(async () => (await send()) === 200, { deadlineMs: 20_000, what: "to be taken again" });
        await until(
          async () => {
            await quarantine.settled();
            return true;
          },
          { deadlineMs: 20_000, what: "the quarantine to be on disk" },
        );
      }
      await receiver.stop({ deadlineMs: 1_000 });
      reader.close();
      await quarantine.close();
      await writer.close();
      expect([...readDeadLetters({ dir })]).toHaveLength(3);
      // The next process finds everything that was acknowledged, and goes on.
      const next = await openStreamWriter({ dir, stream: "spans", shared: createJournalShared(), telemetry });
      await next.close();
      const journal = [...readSegments({ dir, stream: "spans" })].map(({ payload }) =>
        Buffer.from(payload).toString("latin1"),
      );
      const missing = acknowledged.filter(
        (traceId) => !journal.some((text) => text.includes(Buffer.from(traceId, "hex").toString("latin1"))),
      );
      expect(missing).toEqual([]);
      expect(journal).toHaveLength(acknowledged.length);
    } finally {
      spawnSync("umount", ["--lazy", disk], { timeout: 10_000 });
    }
  },
);
