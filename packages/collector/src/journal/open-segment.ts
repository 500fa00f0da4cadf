import type { Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import type { JournalFiles } from "./files.ts";
import type { JournalMetrics } from "./metrics.ts";

/** The segment that is being written. */
export interface OpenSegment {
  readonly fd: number;
  readonly baseOffset: number;
  readonly itemsBefore: number;
  /** Synced bytes; what may lie behind them does not count. */
  byteEnd: number;
  /** Of the file, if it held another segment before; else 0. */
  readonly reusedSizeBytes: number;
}

interface CloseContext {
  readonly files: JournalFiles;
  readonly stream: Stream;
  readonly log: Log | undefined;
  readonly metrics: JournalMetrics | undefined;
}

/** What the segment takes of the disk, if so many bytes are written to it. */
export function sizeOnDisk(
  segment: OpenSegment | undefined,
  byteEnd: number = segment?.byteEnd ?? 0,
): number {
  return Math.max(byteEnd, segment?.reusedSizeBytes ?? 0);
}

/** Closes the file behind its synced bytes; the rest is cut off as far as the disk lets us. */
export function closeSegment(
  { files, stream, log, metrics }: CloseContext,
  segment: OpenSegment,
  hasRest: boolean = segment.reusedSizeBytes > segment.byteEnd,
): void {
  try {
    if (hasRest) files.truncate(segment.fd, segment.byteEnd);
  } catch (error) {
    // Readers stop at the next segment's base anyway.
    metrics?.failures.add({ stream, operation: "truncate" });
    log?.warn("the end of a segment that does not count could not be cut off", { stream, error });
  }
  try {
    files.close(segment.fd);
  } catch (error) {
    // Everything that counts in it is synced.
    metrics?.failures.add({ stream, operation: "close" });
    log?.warn("a segment could not be closed", { stream, error });
  }
}
