import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { lockJournal, readSegments } from "../../packages/collector/src/journal/index.ts";
import { openTempDir, until } from "../support/index.ts";

const writerScript = join(import.meta.dirname, "journal-writer.mjs");

function startWriter(dir: string, name: string) {
  // Should this process be killed, the writer ends at its next line, for want of a reader.
  return spawn(process.execPath, ["--conditions=quartet-source", writerScript, dir, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

test("nothing acknowledged is missing or out of order after a kill -9 of the writer, ten times in a row", async () => {
  await using folder = await openTempDir("journal-kill");
  const acknowledged = new Map<number, string>();
  for (let cycle = 0; cycle < 10; cycle += 1) {
    const child = startWriter(folder.path, `cycle${cycle}`);
    let acknowledgedNow = 0;
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      const [offset, text] = line.split(" ");
      // The kill may cut the last line short.
      if (!/^cycle\d+-\d+$/.test(text ?? "")) return;
      expect(acknowledged.has(Number(offset))).toBe(false);
      acknowledged.set(Number(offset), text!);
      acknowledgedNow += 1;
      if (acknowledgedNow === 20 + 13 * cycle) child.kill("SIGKILL");
    });
    await once(lines, "close");
    expect(acknowledgedNow).toBeGreaterThanOrEqual(20);
    let last = -1;
    const found = new Map<number, string>();
    for (const { position, payload } of readSegments({ dir: folder.path, stream: "spans" })) {
      expect(position.offset).toBe(last + 1);
      last = position.offset;
      found.set(last, Buffer.from(payload).toString("latin1").replace(/\.+$/, ""));
    }
    const missing = [...acknowledged].filter(([offset, text]) => found.get(offset) !== text);
    expect(missing).toEqual([]);
  }
});

test("the lock names the process that holds it, and is taken over once that was killed", async () => {
  await using folder = await openTempDir("journal-lock");
  const child = startWriter(folder.path, "holder");
  await once(child.stdout, "data");
  child.stdout.resume();
  expect(() => lockJournal(folder.path)).toThrow(
    expect.objectContaining({
      code: "QUARTET_JOURNAL_LOCKED",
      message: expect.stringContaining(`process ${child.pid} on ${hostname()}`) as unknown,
    }) as Error,
  );
  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = await until(() => lockJournal(folder.path), {
    deadlineMs: 5_000,
    what: "the lock to be free",
  });
  expect(() => lockJournal(folder.path)).toThrow(/in use by process/);
  lock.release();
  lock.release();
  lockJournal(folder.path).release();
});

test("a lock whose pid now belongs to another process is stale", async () => {
  await using folder = await openTempDir("journal-pid");
  const path = join(folder.path, "journal", "lock");
  const lock = lockJournal(folder.path);
  const holder = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  lock.release();
  // The parent lives, but did not begin when this lock's holder did.
  writeFileSync(
    path,
    JSON.stringify({ ...holder, pid: process.ppid, startedAt: "another boot:1", token: "t" }),
  );
  lockJournal(folder.path).release();
  writeFileSync(path, "not json");
  lockJournal(folder.path).release();
});

test("the lock of another host holds as long as its file is touched", async () => {
  await using folder = await openTempDir("journal-host");
  const path = join(folder.path, "journal", "lock");
  lockJournal(folder.path).release();
  writeFileSync(path, JSON.stringify({ pid: 1, startedAt: "x", hostname: "elsewhere", token: "t" }));
  expect(() => lockJournal(folder.path)).toThrow(/process 1 on elsewhere/);
  const longAgo = new Date(Date.now() - 31_000);
  utimesSync(path, longAgo, longAgo);
  lockJournal(folder.path).release();
});
