import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import {
  createJournalShared,
  openStreamReader,
  openStreamWriter,
} from "../../../packages/collector/src/journal/index.ts";
import { openTempDir, runProcess } from "../../support/index.ts";

test("a reader in another thread is woken by an append, sees each record once, and its thread ends by itself", async () => {
  await using folder = await openTempDir("journal-threads");
  const dir = folder.path;
  const shared = createJournalShared();
  const workers = ["one", "two"].map(
    (consumer) =>
      new Worker(join(import.meta.dirname, "tail-worker.mjs"), { workerData: { dir, shared, consumer } }),
  );
  const seen = workers.map((worker) => {
    const texts: string[] = [];
    worker.on("message", (more: string[]) => texts.push(...more));
    return texts;
  });
  // Named at the open: a reader that starts late must find the first segment, though the other one has passed it.
  const consumers = ["one", "two"].map((name) => ({ name, kind: "state" as const }));
  const writer = await openStreamWriter({
    dir,
    stream: "spans",
    shared,
    segmentSizeBytesMax: 2_000,
    consumers,
  });
  const expected: string[] = [];
  for (let index = 0; index < 200; index += 1) {
    await writer.append({ payload: [Buffer.from(`record ${index}`)], itemCount: 1, receivedAtMs: 0 });
    expected.push(`${index}:record ${index}`);
  }
  for (const [index, worker] of workers.entries()) {
    while (seen[index]!.length < 200) await once(worker, "message");
    expect(seen[index]).toEqual(expected);
    worker.postMessage("stop");
    expect(await once(worker, "exit")).toEqual([0]);
  }
  await writer.retain();
  await writer.close();
});

test("waiting for more keeps no process alive, and thousands of aborted waits leave nothing behind", async () => {
  await using folder = await openTempDir("journal-waiters");
  const script = `
    import { createJournalShared, openStreamReader } from "${join(import.meta.dirname, "../../../packages/collector/src/journal/index.ts")}";
    const reader = openStreamReader({ dir: process.argv[1], shared: createJournalShared(), stream: "spans", consumer: "derive" });
    const long = new AbortController();
    for (let round = 0; round < 20_000; round += 1) {
      const short = new AbortController();
      const waited = reader.waitForMore(short.signal);
      short.abort();
      await waited;
      if (round === 1_000) { gc(); globalThis.before = process.memoryUsage().heapUsed; }
    }
    gc();
    console.log(process.memoryUsage().heapUsed - globalThis.before);
    void reader.waitForMore(long.signal);
  `;
  const args = [
    "--conditions=quartet-source",
    "--expose-gc",
    "--input-type=module",
    "--eval",
    script,
    folder.path,
  ];
  const { code, stdout } = await runProcess({ command: process.execPath, args, deadlineMs: 20_000 });
  expect(code).toBe(0);
  expect(Number(stdout)).toBeLessThan(1_000_000);
});

test("a reader in the same thread sees nothing before it is synced", async () => {
  await using folder = await openTempDir("journal-synced");
  const dir = folder.path;
  const shared = createJournalShared();
  const writer = await openStreamWriter({ dir, stream: "spans", shared });
  const reader = openStreamReader({ dir, shared, stream: "spans", consumer: "derive" });
  let isAcknowledged = false;
  const appended = writer
    .append({ payload: [Buffer.alloc(100_000)], itemCount: 1, receivedAtMs: 0 })
    .then(() => (isAcknowledged = true));
  while (reader.read({ sizeBytesMax: 1 }).length === 0) {
    expect(isAcknowledged).toBe(false);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await appended;
  reader.close();
  await writer.close();
});
