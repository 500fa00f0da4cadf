import { mkdir, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { JournalRecord } from "../model/index.ts";
import type { Signal } from "./signal.ts";

/** "undecodable": it could not be turned into a request, so the back end was not even asked. */
export type DeadLetterReason = "refused" | "too_large" | "undecodable";

export interface DeadLetter {
  readonly record: JournalRecord;
  readonly reason: DeadLetterReason;
  /** What the back end said. */
  readonly message: string;
  readonly nowMs: number;
  /** When it is but one item of the record: its place in there, and the item as it was sent. */
  readonly item?: { readonly index: number; readonly payload: Uint8Array };
}

/** Records that a back end will never take, kept for a person to look at. */
export interface DeadLetterFile {
  readonly path: string;
  /** Resolves when they are on disk with how many of them, from the first on, fitted the file's limit; the others are given up. */
  append(letters: readonly DeadLetter[]): Promise<number>;
}

/**
 * `<data-dir>/dead-letter/<exporter>.<signal>.jsonl`: one JSON object a line, the record (an OTLP request, or the one item
 * as it was sent) in base64. At most `sizeBytesMax` long; a file that was moved away begins anew.
 */
export function openDeadLetterFile(options: {
  readonly dir: string;
  readonly exporter: string;
  readonly signal: Signal;
  readonly sizeBytesMax: number;
}): DeadLetterFile {
  const { dir, exporter, signal, sizeBytesMax } = options;
  const path = join(dir, "dead-letter", `${exporter}.${signal}.jsonl`);
  return {
    path,
    async append(letters) {
      const sizeBytes = await fileSizeBytes(path);
      let text = "";
      let keptCount = 0;
      for (const letter of letters) {
        const line = encodeLine(letter, { exporter, signal });
        if (sizeBytes + text.length + line.length > sizeBytesMax) break;
        text += line;
        keptCount += 1;
      }
      if (keptCount === 0) return 0;
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, "a", 0o640);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      if (sizeBytes === 0) await syncFolder(dirname(path));
      return keptCount;
    },
  };
}

function encodeLine(
  { record, reason, message, nowMs, item }: DeadLetter,
  labels: { readonly exporter: string; readonly signal: Signal },
): string {
  const fields = {
    version: 1,
    time: new Date(nowMs).toISOString(),
    ...labels,
    reason,
    message,
    stream: record.position.stream,
    offset: record.position.offset,
    received_at: new Date(record.receivedAtMs).toISOString(),
    ...(item === undefined
      ? { item_count: record.itemCount, payload_base64: base64(record.payload) }
      : { item_index: item.index, item_count: 1, payload_base64: base64(item.payload) }),
  };
  return `${JSON.stringify(fields)}\n`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

async function fileSizeBytes(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
