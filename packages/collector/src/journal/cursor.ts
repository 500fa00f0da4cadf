import { join } from "node:path";
import { CollectorError, type Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { readWholeFile, replaceOrOverwrite, type JournalFiles } from "./files.ts";
import { cursorFolder } from "./layout.ts";

/** How far one consumer is done with one stream. */
export interface Cursor {
  /** Every record before it is done with. */
  readonly offset: number;
  /** Items and payload bytes of all records before it. */
  readonly items: number;
  readonly bytes: number;
}

/**
 * What a consumer's lag may cost. "state": derive and stores; what they have not read is never dropped.
 * "exporter": when the disk budget is spent, its oldest unread records are dropped and counted.
 */
export type ConsumerKind = "state" | "exporter";

export interface Consumer {
  /** Letters, digits, "_", "-" and ".". */
  readonly name: string;
  readonly kind: ConsumerKind;
}

/** The kind of a consumer of which only the cursor file is known: exporters' names begin with "export.". */
export function kindOfName(name: string): ConsumerKind {
  return name.startsWith("export.") ? "exporter" : "state";
}

const cursorVersion = 1;

export interface CursorPlace {
  readonly stream: Stream;
  readonly consumer: string;
}

export function cursorPath(dir: string, { stream, consumer }: CursorPlace): string {
  return join(cursorFolder(dir), `${stream}.${consumer}.json`);
}

/**
 * The cursor on disk; undefined when the consumer never committed, or when the file is damaged: then it begins again at the
 * oldest record, as delivery is at least once anyway.
 * @throws CollectorError QUARTET_JOURNAL_VERSION for a newer version.
 */
export function readCursor(
  files: JournalFiles,
  dir: string,
  place: CursorPlace,
  log?: Log,
): Cursor | undefined {
  const path = cursorPath(dir, place);
  const bytes = readWholeFile(files, path);
  if (bytes === undefined) return undefined;
  const cursor = parseCursor(bytes.toString("utf8"), path);
  if (cursor === undefined)
    log?.error("a cursor is damaged; its consumer begins at the oldest record", { path });
  return cursor;
}

function parseCursor(text: string, path: string): Cursor | undefined {
  let parsed: Partial<Record<string, unknown>> | null;
  try {
    parsed = JSON.parse(text) as Partial<Record<string, unknown>> | null;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const { version, offset, items, bytes } = parsed ?? {};
  if (typeof version === "number" && version > cursorVersion) {
    throw new CollectorError(
      "QUARTET_JOURNAL_VERSION",
      `${path} was written by a newer version of Quartet (cursor format ${version})`,
    );
  }
  if (version !== cursorVersion || !isCount(offset) || !isCount(items) || !isCount(bytes)) return undefined;
  return { offset, items, bytes };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Makes the cursor durable. */
export function writeCursor(files: JournalFiles, dir: string, place: CursorPlace, cursor: Cursor): void {
  const { offset, items, bytes } = cursor;
  const fields = JSON.stringify({ version: cursorVersion, offset, items, bytes });
  // Of one length, so that it can be overwritten in place.
  const content = Buffer.from(`${fields.padEnd(127)}\n`);
  const path = cursorPath(dir, place);
  files.createFolder(cursorFolder(dir));
  // If power fails while it is overwritten, the damaged cursor costs duplicates, no records.
  replaceOrOverwrite(files, path, content);
}

/** Names of the consumers that have a cursor in this stream. */
export function listCursors(files: JournalFiles, dir: string, stream: Stream): string[] {
  const names: string[] = [];
  for (const file of files.list(cursorFolder(dir))) {
    if (file.startsWith(`${stream}.`) && file.endsWith(".json")) {
      names.push(file.slice(stream.length + 1, -".json".length));
    }
  }
  return names;
}
