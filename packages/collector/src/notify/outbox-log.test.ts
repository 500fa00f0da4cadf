import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { openOutboxLog, type OutboxContent, type OutboxLog, type OutboxRow } from "./outbox-log.ts";

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const tempFile = () => {
  const dir = mkdtempSync(join(tmpdir(), "quartet-outbox-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, "outbox.log");
};

async function open(
  path: string,
  current: () => OutboxContent = () => ({ rows: [], entries: [] }),
  compactionBytesMin?: number,
): Promise<OutboxLog> {
  const log = await openOutboxLog({
    path,
    current,
    onProblem(cause) {
      throw cause;
    },
    ...(compactionBytesMin === undefined ? {} : { compactionBytesMin }),
  });
  cleanups.push(() => log.close().catch(() => undefined));
  return log;
}

const row = (id: string, body = "{}"): OutboxRow => ({
  id,
  receiver: "w",
  groupKey: "{}:{}",
  seq: 1,
  body,
  createdAtMs: 1,
  deadlineMs: 2,
});
const entry = (timestampMs: number) => ({
  receiver: "w",
  groupKey: "{}:{}",
  firing: ["aa"],
  resolved: [],
  timestampMs,
});

test("what was appended is there after a restart, what was delivered or superseded is not", async () => {
  const path = tempFile();
  const log = await open(path);
  expect(log.recovered).toEqual({ rows: [], entries: [], brokenLines: 0 });
  await Promise.all([
    log.append({ kind: "told", row: row("a"), entry: entry(1) }),
    log.append({ kind: "told", row: row("b"), entry: entry(2) }),
    log.append({ kind: "told", row: row("c", '{"é":"\u2028"}'), entry: entry(3), superseded: ["b"] }),
    log.append({ kind: "done", id: "a" }),
  ]);
  await log.close();
  expect((await open(path)).recovered).toEqual({
    rows: [row("c", '{"é":"\u2028"}')],
    entries: [entry(3)],
    brokenLines: 0,
  });
});

test("a torn end and a damaged line are counted and passed over, and nothing is written behind them", async () => {
  const path = tempFile();
  const log = await open(path);
  for (const id of ["a", "b", "c"]) await log.append({ kind: "told", row: row(id), entry: entry(1) });
  await log.close();
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace('"id":"b"', '"id":"x"'));
  truncateSync(path, statSync(path).size - 5);
  const second = await open(path);
  expect(second.recovered.rows.map(({ id }) => id)).toEqual(["a"]);
  expect(second.recovered.brokenLines).toBe(2);
  await second.append({ kind: "told", row: row("d"), entry: entry(2) });
  await second.close();
  const third = await open(path);
  expect(third.recovered.rows.map(({ id }) => id)).toEqual(["a", "d"]);
  expect(third.recovered.brokenLines).toBe(0);
});

test("the file is written anew when most of it is of the past, and keeps what counts", async () => {
  const path = tempFile();
  const log = await open(path, () => ({ rows: [row("kept")], entries: [entry(9)] }), 10_000);
  await log.append({ kind: "told", row: row("kept"), entry: entry(9) });
  const body = JSON.stringify({ text: "x".repeat(1_000) });
  for (let index = 0; index < 30; index += 1) {
    await log.append({ kind: "told", row: row(`r${index}`, body), entry: entry(9) });
    await log.append({ kind: "done", id: `r${index}` });
  }
  await log.idle();
  expect(statSync(path).size).toBeLessThan(15_000);
  await log.append({ kind: "told", row: row("last"), entry: entry(10) });
  await log.close();
  const { recovered } = await open(path);
  expect(recovered.rows.map(({ id }) => id)).toEqual(["kept", "last"]);
  expect(recovered.entries).toEqual([entry(10)]);
});

test("a file of a newer version is refused by name", async () => {
  const path = tempFile();
  const json = '{"quartetOutboxVersion":2}';
  appendFileSync(path, `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`);
  await expect(open(path)).rejects.toThrow(/outbox\.log has version 2; this collector reads up to 1/);
});
