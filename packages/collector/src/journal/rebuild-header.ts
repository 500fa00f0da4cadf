import type { Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { blockMagic } from "./compressed-format.ts";
import { listCursors, readCursor } from "./cursor.ts";
import { keepDamaged } from "./damaged.ts";
import type { JournalFiles } from "./files.ts";
import { segmentHeaderSizeBytes, type SegmentHeader } from "./format.ts";
import { segmentPath } from "./layout.ts";
import type { JournalMetrics } from "./metrics.ts";
import { openSegmentScan, type SegmentScan } from "./scan.ts";
import { writeSegmentHeader } from "./segment-header.ts";

interface RebuildContext {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
  readonly log: Log | undefined;
  readonly metrics: JournalMetrics | undefined;
}

interface Sums {
  readonly items: number;
  readonly bytes: number;
}

/**
 * Gives a segment whose header is damaged a new one, if whole records stand behind it: the journal's id is known from elsewhere, and
 * the sums follow from the segment before or from a cursor. undefined when there is no whole record: then it was never synced.
 */
export function rebuildHeader(
  context: RebuildContext,
  place: {
    readonly baseOffset: number;
    readonly journalId: string;
    readonly previousBase: number | undefined;
  },
): SegmentHeader | undefined {
  const { files, dir, stream, log, metrics } = context;
  const { baseOffset, journalId, previousBase } = place;
  const path = segmentPath(dir, stream, baseOffset);
  const bare: SegmentHeader = {
    journalId,
    stream,
    shard: 0,
    baseOffset,
    itemsBefore: 0,
    bytesBefore: 0,
    createdAtMs: 0,
    isCompressed: startsWithBlock(files, path),
    reusedSizeBytes: 0,
  };
  const read = (offsetEnd = Number.POSITIVE_INFINITY): Walked =>
    walk(openSegmentScan({ files, path, stream, baseOffset, header: bare }), offsetEnd);
  if (read().recordCount === 0) return undefined;
  const copy = keepDamaged(context, path, baseOffset);
  const before = previousBase === undefined ? undefined : sumsAtEnd(context, previousBase, baseOffset);
  const { items, bytes } = before ?? sumsFromCursor(context, baseOffset, read);
  const header = { ...bare, itemsBefore: items, bytesBefore: bytes };
  writeSegmentHeader(files, path, header);
  metrics?.damagedSegments.add({ stream });
  log?.error("the header of a segment was damaged and has been written anew; all whole records are kept", {
    path,
    copy,
  });
  return header;
}

/** The sums where the segment before ends. */
function sumsAtEnd({ files, dir, stream }: RebuildContext, baseOffset: number, offsetEnd: number): Walked {
  const path = segmentPath(dir, stream, baseOffset);
  return walk(openSegmentScan({ files, path, stream, baseOffset }), offsetEnd);
}

/** Every cursor knows the sums at its place; those at the beginning of the segment are less by what lies between. */
function sumsFromCursor(
  { files, dir, stream, log }: RebuildContext,
  baseOffset: number,
  read: (offsetEnd: number) => Walked,
): Sums {
  let sums: Sums = { items: 0, bytes: 0 };
  for (const consumer of listCursors(files, dir, stream)) {
    const cursor = readCursor(files, dir, { stream, consumer }, log);
    if (cursor === undefined || cursor.offset < baseOffset) continue;
    const { offset, items, bytes } = read(cursor.offset);
    if (offset !== cursor.offset) continue;
    const found = { items: cursor.items - items, bytes: cursor.bytes - bytes };
    if (found.items >= sums.items && found.bytes >= sums.bytes) sums = found;
  }
  return sums;
}

function startsWithBlock(files: JournalFiles, path: string): boolean {
  const fd = files.openForRead(path);
  try {
    const magic = Buffer.alloc(blockMagic.length);
    files.read(fd, magic, segmentHeaderSizeBytes);
    return magic.equals(blockMagic);
  } finally {
    files.close(fd);
  }
}

interface Walked extends Sums {
  readonly recordCount: number;
  readonly offset: number;
}

/** Reads to the record of this offset, or to the end; gives the sums there. */
function walk(scan: SegmentScan, offsetEnd: number): Walked {
  let recordCount = 0;
  for (;;) {
    const limit = { byteEnd: scan.fileSizeBytes(), offsetEnd, sizeBytesMax: 1024 * 1024 };
    const { records } = scan.readBlock(limit);
    if (records.length === 0) break;
    recordCount += records.length;
  }
  scan.close();
  const { offset, itemsBefore: items, bytesBefore: bytes } = scan;
  return { recordCount, offset, items, bytes };
}
