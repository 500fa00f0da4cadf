import { mkdirSync } from "node:fs";
import { open, readFile, rename, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { CollectorError } from "../model/index.ts";
import type { NotificationLogEntry } from "./dedup.ts";

/** One notification that is to be delivered. */
export interface OutboxRow {
  /** Also the webhook-id: the same for every attempt. */
  readonly id: string;
  readonly receiver: string;
  readonly groupKey: string;
  /** Rises within a receiver's group. */
  readonly seq: number;
  readonly body: string;
  readonly createdAtMs: number;
  /** After this it is given up. */
  readonly deadlineMs: number;
}

/** One line of the file. */
export type OutboxRecord =
  /** Rows and log entry stand or fall together: what is logged as told is in the outbox, or was delivered. */
  | {
      readonly kind: "told";
      readonly entry?: NotificationLogEntry;
      readonly row?: OutboxRow;
      /** Rows that `row` takes the place of. */
      readonly superseded?: readonly string[];
    }
  | { readonly kind: "done"; readonly id: string };

/** What a file held when it was opened, and what a compaction keeps. */
export interface OutboxContent {
  readonly rows: readonly OutboxRow[];
  readonly entries: readonly NotificationLogEntry[];
}

export interface OutboxLog {
  readonly recovered: OutboxContent & {
    /** Lines that did not decode: the torn end of a crash, or damage. */
    readonly brokenLines: number;
  };
  /** Resolves when the record is synced; calls at the same time share a sync. Rejects when the disk refuses. */
  append(record: OutboxRecord): Promise<void>;
  /** Resolves when everything appended so far is synced or refused. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export interface OutboxLogSettings {
  readonly path: string;
  /** What is to be kept, asked for at a compaction; must hold every record that was appended before. */
  readonly current: () => OutboxContent;
  /** Told of a compaction that failed; the file is whole, and the next append tries again. */
  readonly onProblem: (cause: unknown) => void;
  /** The file is not compacted below this size. Default 4 MiB. */
  readonly compactionBytesMin?: number;
}

const version = 1;
const compactionBytesMinDefault = 4 * 1_024 * 1_024;

const encode = (value: unknown): string => {
  const json = JSON.stringify(value);
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`;
};

/** The value of a line, or undefined when its checksum is wrong. */
function decode(line: string): unknown {
  const json = line.slice(9);
  if (line[8] !== " " || crc32(json) !== Number.parseInt(line.slice(0, 8), 16)) return undefined;
  return JSON.parse(json) as unknown;
}

/**
 * Opens the file that outbox and notification log share; it is made when it is missing.
 * It grows by appends and is written anew, atomically, when most of it is of the past.
 * @throws CollectorError QUARTET_STATE_INVALID when a newer version wrote it.
 */
export async function openOutboxLog(settings: OutboxLogSettings): Promise<OutboxLog> {
  const { path } = settings;
  const compactionBytesMin = settings.compactionBytesMin ?? compactionBytesMinDefault;
  mkdirSync(dirname(path), { recursive: true });
  const recovered = await recover(path);
  // Begins with a clean file, so that nothing is ever appended behind a torn line.
  let sizeBytes = await rewrite(path, recovered);
  let keptBytes = sizeBytes;
  let file: FileHandle | undefined;
  /** A write failed: what the file ends with is not known, and a later sync may succeed without it. */
  let isDamaged = false;
  let queue: {
    readonly text: string;
    readonly resolve: () => void;
    readonly reject: (cause: unknown) => void;
  }[] = [];
  let draining: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue;
      queue = [];
      const text = batch.map((item) => item.text).join("");
      try {
        if (isDamaged) await replace();
        file ??= await open(path, "a", 0o600);
        await file.appendFile(text);
        await file.datasync();
        sizeBytes += Buffer.byteLength(text);
        for (const { resolve } of batch) resolve();
      } catch (cause) {
        isDamaged = true;
        for (const { reject } of batch) reject(cause);
        continue;
      }
      if (sizeBytes > compactionBytesMin && sizeBytes > 4 * keptBytes) await compact();
    }
    // In the same turn as the look at the queue: an append that comes after it begins a new round.
    draining = undefined;
  }

  async function replace(): Promise<void> {
    const old = file;
    file = undefined;
    await old?.close();
    keptBytes = await rewrite(path, settings.current());
    sizeBytes = keptBytes;
    isDamaged = false;
  }

  async function compact(): Promise<void> {
    try {
      await replace();
    } catch (cause) {
      // Not again before the file has grown by as much once more.
      keptBytes = sizeBytes;
      settings.onProblem(cause);
    }
  }

  return {
    recovered,
    append(record) {
      return new Promise<void>((resolve, reject) => {
        queue.push({ text: encode(record), resolve, reject });
        draining ??= drain();
      });
    },
    async idle() {
      for (let current = draining; current !== undefined; current = draining) await current;
    },
    async close() {
      await draining;
      await file?.close();
    },
  };
}

/** Replaces the file by one that holds only what counts; gives its size in bytes. */
async function rewrite(path: string, { rows, entries }: OutboxContent): Promise<number> {
  const records: OutboxRecord[] = [
    ...entries.map((entry) => ({ kind: "told", entry }) as const),
    ...rows.map((row) => ({ kind: "told", row }) as const),
  ];
  const text = [{ quartetOutboxVersion: version }, ...records].map(encode).join("");
  const next = await open(`${path}.new`, "w", 0o600);
  try {
    await next.writeFile(text);
    await next.datasync();
  } finally {
    await next.close();
  }
  await rename(`${path}.new`, path);
  // Windows cannot open a folder, and needs no sync of it.
  if (process.platform !== "win32") {
    const folder = await open(dirname(path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
  return Buffer.byteLength(text);
}

async function recover(path: string): Promise<OutboxLog["recovered"]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return { rows: [], entries: [], brokenLines: 0 };
    throw cause;
  }
  const rows = new Map<string, OutboxRow>();
  const entries = new Map<string, NotificationLogEntry>();
  let brokenLines = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const value = decode(line) as OutboxRecord | { readonly quartetOutboxVersion: number } | undefined;
    if (value === undefined) brokenLines += 1;
    else if ("quartetOutboxVersion" in value) {
      if (value.quartetOutboxVersion > version) {
        throw new CollectorError(
          "QUARTET_STATE_INVALID",
          `${path} has version ${value.quartetOutboxVersion}; this collector reads up to ${version}: start the newer one, or move the file away`,
        );
      }
    } else if (value.kind === "done") rows.delete(value.id);
    else {
      const { entry, row, superseded = [] } = value;
      if (entry !== undefined) entries.set(`${entry.receiver}\n${entry.groupKey}`, entry);
      for (const id of superseded) rows.delete(id);
      if (row !== undefined) rows.set(row.id, row);
    }
  }
  return { rows: [...rows.values()], entries: [...entries.values()], brokenLines };
}
