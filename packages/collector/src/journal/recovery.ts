import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { readBase, writeBase } from "./base-file.ts";
import { listCursors, readCursor, writeCursor, type Cursor } from "./cursor.ts";
import type { JournalFiles } from "./files.ts";
import { formatVersion, type SegmentHeader } from "./format.ts";
import { listSegments, segmentPath, streamFolder, temporarySuffix } from "./layout.ts";
import { mendTail } from "./mend-tail.ts";
import type { JournalMetrics } from "./metrics.ts";
import { rebuildHeader } from "./rebuild-header.ts";
import { readSegmentHeader, writeSegmentHeader, type FoundHeader } from "./segment-header.ts";

export interface RecoveryContext {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
  readonly log: Log | undefined;
  readonly metrics: JournalMetrics | undefined;
}

export interface SegmentEntry {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** Items of all records of the stream before it. */
  readonly itemsBefore: number;
  readonly isCompressed: boolean;
}

export interface RecoveredStream {
  readonly journalId: string;
  /** Ascending; the last one may be written on unless it is compressed. */
  readonly segments: readonly SegmentEntry[];
  readonly nextOffset: number;
  readonly itemsTotal: number;
  readonly bytesTotal: number;
}

/**
 * Brings a stream into order after whatever happened: checks every segment's version and brings older ones up to this one,
 * cuts the torn end, makes what is kept durable, and sets cursors that point behind the end back to it.
 * @throws CollectorError QUARTET_JOURNAL_VERSION; the error of the file system.
 */
export function recoverStream(context: RecoveryContext): RecoveredStream {
  const { files, dir, stream } = context;
  const folder = streamFolder(dir, stream);
  files.createFolder(folder);
  removeTemporaries(context, folder);
  const bases = listSegments(files, dir, stream);
  // First all are looked at: a newer version is refused before anything is changed.
  const found = bases.map((baseOffset) =>
    readSegmentHeader(files, { path: segmentPath(dir, stream, baseOffset), baseOffset }),
  );
  const base = readBase(context);
  // Emptied by somebody who left that file behind, the stream begins at 0 again: that is another journal.
  const isGone = bases.length === 0 && base?.offset === 0;
  const known = found.findLast((header) => header !== undefined)?.header.journalId;
  const journalId = known ?? (isGone ? undefined : base?.journalId) ?? randomBytes(16).toString("hex");
  if (base?.journalId !== journalId) writeBase(context, { journalId, offset: 0, items: 0, bytes: 0 });
  const headers = mendHeaders(context, { bases, found, journalId });
  // Offsets never go back, even if the newest segment turns out to be empty.
  const last = { offset: 0, items: 0, bytes: 0, ...(base?.journalId === journalId ? base : {}) };
  let nextOffset = Math.max(bases.at(-1) ?? 0, last.offset);
  let itemsTotal = last.items;
  let bytesTotal = last.bytes;
  const segments: SegmentEntry[] = [];
  for (let index = bases.length - 1; index >= 0; index -= 1) {
    const baseOffset = bases[index]!;
    const path = segmentPath(dir, stream, baseOffset);
    const { itemsBefore = 0, isCompressed = false } = headers[index] ?? {};
    if (segments.length > 0) {
      segments.unshift({ baseOffset, sizeBytes: files.sizeBytes(path) ?? 0, itemsBefore, isCompressed });
      continue;
    }
    const tail = mendTail(context, { baseOffset, journalId });
    if (!tail.isWorthKeeping) {
      files.remove(path);
      continue;
    }
    segments.push({ baseOffset, sizeBytes: tail.sizeBytes, itemsBefore, isCompressed });
    nextOffset = Math.max(nextOffset, tail.nextOffset);
    ({ itemsTotal, bytesTotal } = tail);
  }
  files.syncFolderNow(folder);
  mendCursors(context, { offset: nextOffset, items: itemsTotal, bytes: bytesTotal });
  return { journalId, segments, nextOffset, itemsTotal, bytesTotal };
}

/** What a crash left of files that were not yet what their name says. */
function removeTemporaries({ files }: RecoveryContext, folder: string): void {
  for (const name of files.list(folder)) {
    if (name.endsWith(temporarySuffix)) files.remove(join(folder, name));
  }
}

/** Brings older headers up to this version, and writes damaged ones anew. */
function mendHeaders(
  context: RecoveryContext,
  {
    bases,
    found,
    journalId,
  }: {
    readonly bases: readonly number[];
    readonly found: readonly (FoundHeader | undefined)[];
    readonly journalId: string;
  },
): readonly (SegmentHeader | undefined)[] {
  const { files, dir, stream, log } = context;
  let migratedCount = 0;
  const headers = bases.map((baseOffset, index) => {
    const { version, header } = found[index] ?? {};
    if (header === undefined) {
      return rebuildHeader(context, { baseOffset, journalId, previousBase: bases[index - 1] });
    }
    if (version !== formatVersion) {
      writeSegmentHeader(files, segmentPath(dir, stream, baseOffset), header);
      migratedCount += 1;
    }
    return header;
  });
  if (migratedCount > 0) log?.info("segments of an older format were migrated", { stream, migratedCount });
  return headers;
}

/**
 * Records that were read but not yet durable are gone after a power cut, and their offsets will be given again: a cursor
 * that is behind the end would pass over them.
 */
function mendCursors({ files, dir, stream, log }: RecoveryContext, end: Cursor): void {
  for (const consumer of listCursors(files, dir, stream)) {
    const cursor = readCursor(files, dir, { stream, consumer }, log);
    if (cursor === undefined || cursor.offset <= end.offset) continue;
    log?.warn("a cursor behind the end of the journal was set to the end", { stream, consumer, ...cursor });
    writeCursor(files, dir, { stream, consumer }, end);
  }
}
