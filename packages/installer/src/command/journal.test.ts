import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import {
  createJournalShared,
  lockJournal,
  openDeadLetters,
  openStreamReader,
  openStreamWriter,
} from "../../../collector/src/journal/index.ts";
import { InstallerError, UsageError } from "../output/index.ts";
import type { CommandIo } from "./command.ts";
import { runJournal } from "./journal.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** An ExportTraceServiceRequest with one span called "GET/". */
const oneSpan = Buffer.from("0a0a120812062a044745542f", "hex");

/** Three records, of which jaeger has read the first and cannot take the second, and derive has choked on the third. */
async function fillJournal(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "quartet-journal-command-"));
  folders.push(dir);
  const shared = createJournalShared();
  const writer = await openStreamWriter({ dir, stream: "spans", shared });
  for (const text of ["one", "two", "three"]) {
    const payload = [text === "two" ? oneSpan : Buffer.from(text)];
    await writer.append({ payload, itemCount: 4, receivedAtMs: 1_800_000_000_000 });
  }
  for (const [consumer, offset] of [
    ["export.jaeger.traces", 1],
    ["derive", 2],
  ] as const) {
    const reader = openStreamReader({ dir, stream: "spans", shared, consumer });
    const letters = openDeadLetters({ dir, stream: "spans", consumer });
    reader.seek(offset);
    const [record] = reader.read({ sizeBytesMax: 1 });
    await letters.append(record!, {
      reason: offset === 1 ? "refused" : "threw",
      message: "400:\n  bad span",
    });
    reader.commit(reader.seek(3 - offset));
    await letters.close();
    reader.close();
  }
  await writer.close();
  return dir;
}

async function run(...args: string[]): Promise<string> {
  const written: string[] = [];
  const io = { stdout: { write: (text: string) => void written.push(text) } } as unknown as CommandIo;
  expect(await runJournal(args, io)).toBe(0);
  return written.join("");
}

/** What consumers find from where they stand. */
async function unreadOf(dir: string, consumer: string): Promise<string[]> {
  const shared = createJournalShared();
  const writer = await openStreamWriter({ dir, stream: "spans", shared });
  const reader = openStreamReader({ dir, stream: "spans", shared, consumer });
  const texts: string[] = [];
  for (let records = reader.read({ sizeBytesMax: 10_000 }); records.length > 0;) {
    texts.push(...records.map(({ payload }) => Buffer.from(payload).toString("latin1")));
    records = reader.read({ sizeBytesMax: 10_000 });
  }
  reader.close();
  await writer.close();
  return texts;
}

test("list shows streams, consumers with what they are behind, and dead letters, while a collector holds the lock", async () => {
  const dir = await fillJournal();
  const lock = lockJournal(dir);
  const table = await run("list", "--data-dir", dir);
  expect(table).toMatch(/^spans +3 +1 +0 +\d+ B$/m);
  expect(table).toMatch(/^export\.jaeger\.traces +spans +exporter +2 +1 +4 +5 B$/m);
  expect(table).toMatch(/^derive +spans +state +1 +2 +8 +17 B$/m);
  expect(table).toMatch(/^derive\/spans\/0 +threw +4 +5 B +2027-01-15T08:00:00.000Z +400: bad span$/m);
  const json = JSON.parse(await run("list", "--data-dir", dir, "--output", "json")) as {
    streams: { stream: string; nextOffset: number }[];
    deadLetters: { id: string; offset: number }[];
  };
  expect(json.streams.map(({ stream, nextOffset }) => [stream, nextOffset])).toEqual([
    ["spans", 3],
    ["logs", 0],
    ["metrics", 0],
    ["series", 0],
  ]);
  expect(json.deadLetters).toMatchObject([
    { id: "derive/spans/0", offset: 2 },
    { id: "export.jaeger.traces/spans/0", offset: 1 },
  ]);
  lock.release();
});

test("show decodes the record and gives its bytes", async () => {
  const dir = await fillJournal();
  const id = "export.jaeger.traces/spans/0";
  expect(await run("show", id, "--data-dir", dir)).toContain('"name": "GET/"');
  const shown = JSON.parse(await run("show", id, "--data-dir", dir, "--output", "json")) as {
    payloadBase64: string;
  };
  expect(shown.payloadBase64).toBe(oneSpan.toString("base64"));
  expect(await run("show", "derive/spans/0", "--data-dir", dir)).toContain("does not decode");
});

test("replay gives the bytes to the consumer that could not take them, and to no other, and takes them off the list", async () => {
  const dir = await fillJournal();
  const id = "export.jaeger.traces/spans/0";
  expect(await run("replay", id, "--data-dir", dir)).toBe(`replayed ${id}\n`);
  const two = oneSpan.toString("latin1");
  expect(await unreadOf(dir, "export.jaeger.traces")).toEqual(["three", two]);
  expect(await unreadOf(dir, "derive")).toEqual([two, "three"]);
  expect(await run("replay", "--all", "--to", "stream", "--data-dir", dir)).toBe("replayed derive/spans/0\n");
  expect(await unreadOf(dir, "export.jaeger.traces")).toEqual(["three", two, "three"]);
  expect(await unreadOf(dir, "derive")).toEqual([two, "three", "three"]);
  expect(await run("list", "--data-dir", dir)).toContain("no dead letters");
});

test("drop gives dead letters up", async () => {
  const dir = await fillJournal();
  expect(await run("drop", "derive/spans/0", "--data-dir", dir)).toBe("dropped derive/spans/0\n");
  expect(await run("list", "--data-dir", dir)).not.toContain("derive/spans/0");
  await run("drop", "--all", "--data-dir", dir);
  expect(await run("drop", "--all", "--data-dir", dir)).toBe("no dead letters\n");
  expect(readdirSync(join(dir, "dead-letter", "derive", "journal", "spans"))).toEqual([]);
});

test("while a collector is at work replay and drop refuse, naming it; so do wrong names", async () => {
  const dir = await fillJournal();
  const lock = lockJournal(dir);
  for (const action of ["replay", "drop"]) {
    const refused = run(action, "--all", "--data-dir", dir);
    await expect(refused).rejects.toThrow(InstallerError);
    await expect(refused).rejects.toThrow(`in use by process ${process.pid}`);
  }
  lock.release();
  await expect(run("drop", "derive/spans/7", "--data-dir", dir)).rejects.toThrow(
    "no dead letter derive/spans/7",
  );
  await expect(run("show", "x", "--data-dir", dir)).rejects.toThrow("no dead letter x");
  await expect(run("list", "--data-dir", join(dir, "elsewhere"))).rejects.toThrow(
    /no journal in .*--data-dir/,
  );
  expect(await run("list", "--data-dir", dir)).toContain("derive/spans/0");
  for (const args of [
    [],
    ["lst"],
    ["show"],
    ["replay"],
    ["drop", "--all", "derive/spans/0"],
    ["list", "x"],
    ["replay", "--all", "--to", "me"],
    ["list", "--output", "xml"],
  ]) {
    await expect(run(...args, "--data-dir", dir)).rejects.toThrow(UsageError);
  }
});
