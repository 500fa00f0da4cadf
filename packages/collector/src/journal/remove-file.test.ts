import { existsSync } from "node:fs";
import { mkdtemp, open, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { removeAtOnce, removeInSteps } from "./remove-file.ts";

const mebibyte = 1024 * 1024;

async function openFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "quartet-remove-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function makeFile(path: string, sizeBytes: number): Promise<void> {
  await writeFile(path, "");
  await truncate(path, sizeBytes);
}

test("a file that nobody reads shrinks before it goes, one that somebody may read goes as it is", async () => {
  const folder = await openFolder();
  for (const [remove, sizeBytes] of [
    [removeInSteps, mebibyte],
    [removeAtOnce, 9 * mebibyte],
  ] as const) {
    const path = join(folder, "segment");
    await makeFile(path, 9 * mebibyte);
    await using reader = await open(path);
    await remove(path);
    expect(existsSync(path)).toBe(false);
    expect((await reader.stat()).size).toBe(sizeBytes);
  }
});

test("empty files go, one that is not there is told of, and those behind it go all the same", async () => {
  const folder = await openFolder();
  const paths = ["a", "missing", "b"].map((name) => join(folder, name));
  await makeFile(paths[0]!, 0);
  await makeFile(paths[2]!, 5 * mebibyte);
  const outcomes = await Promise.allSettled(paths.map(removeInSteps));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(outcomes[1]).toMatchObject({ reason: { code: "ENOENT" } });
  expect(paths.filter((path) => existsSync(path))).toEqual([]);
});
