import { randomBytes } from "node:crypto";
import type { Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { listCursors, readCursor, writeCursor } from "./cursor.ts";
import type { JournalFiles } from "./files.ts";
import { listSegments, segmentPath, streamFolder } from "./layout.ts";
import type { JournalMetrics } from "./metrics.ts";
import { openSegmentScan } from "./scan.ts";

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
}

export interface RecoveredStream {
  readonly journalId: string;
  /** Ascending; the last one may be written on. */
  readonly segments: readonly SegmentEntry[];
  readonly nextOffset: number;
  readonly itemsTotal: number;
  readonly bytesTotal: number;
}

interface Tail {
  readonly sizeBytes: number;
  readonly nextOffset: number;
  readonly itemsTotal: number;
  readonly bytesTotal: number;
  readonly isWorthKeeping: boolean;
}

/**
 * Brings a stream into order after whatever happened: checks every segment's version, cuts the torn end, makes what
 * is kept durable, and sets cursors that point behind the end back to it.
 * @throws CollectorError QUARTET_JOURNAL_VERSION; the error of the file system.
 */
export function recoverStream(context: RecoveryContext): RecoveredStream {
  const { files, dir, stream } = context;
  const folder = streamFolder(dir, stream);
  files.createFolder(folder);
  const bases = listSegments(files, dir, stream);
  const journalId = findJournalId(context, bases) ?? randomBytes(16).toString("hex");
  // Offsets never go back, even if the newest segment turns out to be empty.
  let nextOffset = bases.at(-1) ?? 0;
  let itemsTotal = 0;
  let bytesTotal = 0;
  const segments: SegmentEntry[] = [];
  for (let index = bases.length - 1; index >= 0; index -= 1) {
    const baseOffset = bases[index]!;
    if (segments.length > 0) {
      segments.unshift({ baseOffset, sizeBytes: files.sizeBytes(segmentPath(dir, stream, baseOffset)) ?? 0 });
      continue;
    }
    const tail = mendTail(context, baseOffset, journalId);
    if (!tail.isWorthKeeping) {
      files.remove(segmentPath(dir, stream, baseOffset));
      continue;
    }
    segments.push({ baseOffset, sizeBytes: tail.sizeBytes });
    nextOffset = Math.max(nextOffset, tail.nextOffset);
    ({ itemsTotal, bytesTotal } = tail);
  }
  files.syncFolderNow(folder);
  mendCursors(context, { offset: nextOffset, items: itemsTotal, bytes: bytesTotal });
  return { journalId, segments, nextOffset, itemsTotal, bytesTotal };
}

function findJournalId(
  { files, dir, stream }: RecoveryContext,
  bases: readonly number[],
): string | undefined {
  let journalId: string | undefined;
  for (const baseOffset of bases) {
    const scan = openSegmentScan({ files, path: segmentPath(dir, stream, baseOffset), stream, baseOffset });
    journalId = scan.header?.journalId ?? journalId;
    scan.close();
  }
  return journalId;
}

/** Cuts the newest segment behind its last whole record. What is cut was never synced, so it was never acknowledged. */
function mendTail(
  { files, dir, stream, log, metrics }: RecoveryContext,
  baseOffset: number,
  journalId: string,
): Tail {
  const path = segmentPath(dir, stream, baseOffset);
  const scan = openSegmentScan({ files, path, stream, baseOffset, journalId });
  const { header } = scan;
  const fileSizeBytes = scan.fileSizeBytes();
  let wholeSizeBytes = scan.position;
  let recordCount = 0;
  const limit = { byteEnd: fileSizeBytes, offsetEnd: Number.POSITIVE_INFINITY, sizeBytesMax: 1024 * 1024 };
  for (;;) {
    const { records } = scan.readBlock(limit);
    if (records.length === 0) break;
    recordCount += records.length;
    wholeSizeBytes = scan.position;
  }
  const { offset: nextOffset, itemsBefore: itemsTotal, bytesBefore: bytesTotal } = scan;
  scan.close();
  const isWorthKeeping = header !== undefined || recordCount > 0;
  const tornSizeBytes = isWorthKeeping ? fileSizeBytes - wholeSizeBytes : fileSizeBytes;
  if (tornSizeBytes > 0) {
    metrics?.tornTails.add({ stream });
    metrics?.tornBytes.add({ stream }, tornSizeBytes);
    log?.warn("the torn end of a segment was cut off", { path, sizeBytes: tornSizeBytes });
  }
  if (isWorthKeeping) {
    const fd = files.openForWrite(path);
    try {
      if (tornSizeBytes > 0) files.truncate(fd, wholeSizeBytes);
      // After a kill the last records may be whole but not yet synced; readers are about to see them.
      files.syncNow(fd);
    } finally {
      files.close(fd);
    }
  }
  return { sizeBytes: wholeSizeBytes, nextOffset, itemsTotal, bytesTotal, isWorthKeeping };
}

/**
 * Records that were read but not yet durable are gone after a power cut, and their offsets will be given again: a cursor
 * that is behind the end would pass over them.
 */
function mendCursors(
  { files, dir, stream, log }: RecoveryContext,
  end: { offset: number; items: number; bytes: number },
): void {
  for (const consumer of listCursors(files, dir, stream)) {
    const cursor = readCursor(files, dir, { stream, consumer }, log);
    if (cursor === undefined || cursor.offset <= end.offset) continue;
    log?.warn("a cursor behind the end of the journal was set to the end", { stream, consumer, ...cursor });
    writeCursor(files, dir, { stream, consumer }, end);
  }
}
