import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { lockJournal } from "./lock.ts";

const dir = mkdtempSync(join(tmpdir(), "quartet-lock-"));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("a holder whose lock cannot be read for a moment, for want of file descriptors say, goes on and touches it later", () => {
  let beat = (): void => undefined;
  const clock = {
    nowMs: () => 5_000,
    setTimer: (callback: () => void) => {
      beat = callback;
      return () => undefined;
    },
  };
  const lock = lockJournal(dir, clock);
  const path = join(dir, "journal", "lock");
  utimesSync(path, 1, 1);
  renameSync(path, `${path}.away`);
  // Reading a folder fails, whoever asks.
  mkdirSync(path);
  expect(() => beat()).not.toThrow();
  rmdirSync(path);
  renameSync(`${path}.away`, path);
  beat();
  expect(statSync(path).mtimeMs).toBe(5_000);
  lock.release();
});
