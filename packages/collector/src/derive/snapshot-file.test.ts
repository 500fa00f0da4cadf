import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encodeSnapshot, readSnapshot, replaceSnapshot } from "./snapshot-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quartet-derive-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a snapshot is read back as it was, and the next one takes its place", async () => {
  const file = join(folder, "derive.state");
  expect(await readSnapshot(file)).toEqual({ kind: "none" });
  await replaceSnapshot(file, encodeSnapshot({ calls: new Float64Array([0.1, NaN]), names: ["ä"] }));
  expect(await readSnapshot(file)).toEqual({
    kind: "state",
    state: { calls: new Float64Array([0.1, NaN]), names: ["ä"] },
  });
  await replaceSnapshot(file, encodeSnapshot(2));
  expect(await readSnapshot(file)).toEqual({ kind: "state", state: 2 });
  expect(await readdir(folder)).toEqual(["derive.state"]);
});

test("a damaged, cut or foreign file is told from a whole one, and one of a newer version is refused by name", async () => {
  const file = join(folder, "derive.state");
  await replaceSnapshot(file, encodeSnapshot({ a: 1 }));
  const good = await readFile(file);
  const expectDamaged = async (bytes: Uint8Array) => {
    await writeFile(file, bytes);
    expect(await readSnapshot(file)).toMatchObject({ kind: "damaged" });
  };
  for (let length = 0; length < good.length; length += 1) await expectDamaged(good.subarray(0, length));
  for (let at = 12; at < good.length; at += 1) {
    const flipped = Buffer.from(good);
    flipped[at]! ^= 1;
    await expectDamaged(flipped);
  }
  const newer = Buffer.from(good);
  newer.writeUInt32LE(2, 8);
  await writeFile(file, newer);
  await expect(readSnapshot(file)).rejects.toMatchObject({
    code: "QUARTET_STATE_INVALID",
    message: expect.stringMatching(/derive\.state has version 2, this program knows 1/) as unknown,
  });
});
