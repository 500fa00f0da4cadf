import { mkdir, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { JournalRecord } from "../model/index.ts";
import type { Signal } from "./signal.ts";

export interface DeadLetter {
  readonly record: JournalRecord;
  readonly reason: "refused" | "too_large";
  /** What the back end said. */
  readonly message: string;
  readonly nowMs: number;
}

/** Records that a back end will never take, kept for a person to look at. */
export interface DeadLetterFile {
  readonly path: string;
  /** Resolves when the record is on disk, or with "full" when the file is at its limit and the record is given up. */
  append(letter: DeadLetter): Promise<"kept" | "full">;
}

/**
 * `<data-dir>/dead-letter/<exporter>.<signal>.jsonl`: one JSON object a line, the OTLP request of the record in base64.
 * At most `sizeBytesMax` long; a file that was moved away begins anew.
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
    async append({ record, reason, message, nowMs }) {
      const line = `${JSON.stringify({
        version: 1,
        time: new Date(nowMs).toISOString(),
        exporter,
        signal,
        reason,
        message,
        stream: record.position.stream,
        offset: record.position.offset,
        received_at: new Date(record.receivedAtMs).toISOString(),
        item_count: record.itemCount,
        payload_base64: Buffer.from(record.payload).toString("base64"),
      })}\n`;
      const sizeBytes = await fileSizeBytes(path);
      if (sizeBytes + line.length > sizeBytesMax) return "full";
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, "a", 0o640);
      try {
        await file.writeFile(line);
        await file.sync();
      } finally {
        await file.close();
      }
      if (sizeBytes === 0) await syncFolder(dirname(path));
      return "kept";
    },
  };
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
