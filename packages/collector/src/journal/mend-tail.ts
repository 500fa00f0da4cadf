import type { Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { keepDamaged } from "./damaged.ts";
import type { JournalFiles } from "./files.ts";
import { segmentPath } from "./layout.ts";
import type { JournalMetrics } from "./metrics.ts";
import { openSegmentScan, type SegmentScan } from "./scan.ts";
import { isUnwritten } from "./segment-header.ts";

interface TailContext {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
  readonly log: Log | undefined;
  readonly metrics: JournalMetrics | undefined;
}

export interface Tail {
  readonly sizeBytes: number;
  readonly nextOffset: number;
  readonly itemsTotal: number;
  readonly bytesTotal: number;
  readonly isWorthKeeping: boolean;
}

/**
 * Cuts the newest segment behind its last whole record. What is cut was never synced, so it was never acknowledged. Damage that
 * has whole records behind it is no torn end: a copy is kept aside, and every whole record stays.
 */
export function mendTail(
  context: TailContext,
  { baseOffset, journalId }: { readonly baseOffset: number; readonly journalId: string },
): Tail {
  const { files, dir, stream, log, metrics } = context;
  const path = segmentPath(dir, stream, baseOffset);
  const scan = openSegmentScan({ files, path, stream, baseOffset, journalId });
  const { header } = scan;
  // Nobody writes on in a compressed one, and it was whole and synced before it got its name.
  const fileSizeBytes = header?.isCompressed === true ? scan.fileSizeBytes() : (files.sizeBytes(path) ?? 0);
  const found = walk(scan, fileSizeBytes);
  const { offset: nextOffset, itemsBefore: itemsTotal, bytesBefore: bytesTotal } = scan;
  scan.close();
  if (found.brokenSizeBytes > 0) {
    metrics?.damagedSegments.add({ stream });
    const copy = keepDamaged(context, path, baseOffset);
    log?.error("a segment is damaged before its end; its whole records are kept, and a copy of all of it", {
      path,
      sizeBytes: found.brokenSizeBytes,
      copy,
    });
  }
  const isWorthKeeping = header !== undefined || found.recordCount > 0;
  if (header?.isCompressed === true) {
    const sizeBytes = files.sizeBytes(path) ?? 0;
    return { sizeBytes, nextOffset, itemsTotal, bytesTotal, isWorthKeeping };
  }
  const wholeSizeBytes = isWorthKeeping ? found.wholeSizeBytes : 0;
  const isReused = !isWorthKeeping && isUnwritten(files, { path, baseOffset });
  // What another segment left in the file is not torn.
  const otherSizeBytes = isReused ? fileSizeBytes : (header?.reusedSizeBytes ?? 0);
  const tornSizeBytes = fileSizeBytes - Math.max(wholeSizeBytes, otherSizeBytes);
  if (tornSizeBytes > 0) {
    metrics?.tornTails.add({ stream });
    metrics?.tornBytes.add({ stream }, tornSizeBytes);
    log?.warn("the torn end of a segment was cut off", { path, sizeBytes: tornSizeBytes });
  }
  if (isWorthKeeping) settle(files, path, fileSizeBytes > wholeSizeBytes ? wholeSizeBytes : undefined);
  return { sizeBytes: wholeSizeBytes, nextOffset, itemsTotal, bytesTotal, isWorthKeeping };
}

interface Walk {
  /** Up to the end of the last whole record. */
  readonly wholeSizeBytes: number;
  readonly recordCount: number;
  /** Damaged bytes before that. */
  readonly brokenSizeBytes: number;
}

function walk(scan: SegmentScan, byteEnd: number): Walk {
  let wholeSizeBytes = scan.position;
  let recordCount = 0;
  let brokenSizeBytes = 0;
  const limit = { byteEnd, offsetEnd: Number.POSITIVE_INFINITY, sizeBytesMax: 1024 * 1024 };
  for (;;) {
    const block = scan.readBlock(limit);
    if (block.records.length === 0) break;
    recordCount += block.records.length;
    brokenSizeBytes += block.brokenSizeBytes;
    wholeSizeBytes = scan.position;
  }
  return { wholeSizeBytes, recordCount, brokenSizeBytes };
}

function settle(files: JournalFiles, path: string, cutTo: number | undefined): void {
  const fd = files.openForWrite(path);
  try {
    if (cutTo !== undefined) files.truncate(fd, cutTo);
    // After a kill the last records may be whole but not yet synced; readers are about to see them.
    files.syncNow(fd);
  } finally {
    files.close(fd);
  }
}
