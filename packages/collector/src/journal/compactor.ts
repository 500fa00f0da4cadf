import { dirname } from "node:path";
import type { Clock, Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { compressSegment, type CompressOutcome } from "./compress-segment.ts";
import { removeIfThere, type JournalFiles } from "./files.ts";
import { segmentPath, temporarySuffix } from "./layout.ts";
import type { JournalMetrics } from "./metrics.ts";
import type { Retention, SealedSegment } from "./retention.ts";
import { claimCompression, type JournalShared } from "./shared.ts";

export interface CompressionSettings {
  /** A segment that all have read by then is deleted, and never compressed. */
  readonly afterMs: number;
  /** Part of one core's time that may be spent on it. */
  readonly share: number;
}

export interface CompactorSettings {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
  readonly shared: JournalShared;
  readonly retention: Retention;
  readonly compression: CompressionSettings;
  readonly clock: Clock;
  readonly log: Log | undefined;
  readonly metrics: JournalMetrics | undefined;
}

/** Compresses the sealed segments of one stream that somebody still needs. */
export interface Compactor {
  /** What is due now, one segment after another; one in a process at a time. Never rejects. */
  run(): Promise<void>;
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

/** On a full or failing disk there is no use in trying at once. */
const failurePauseMs = 60_000;

export function createCompactor(settings: CompactorSettings): Compactor {
  const { files, dir, stream, retention, compression, clock, log, metrics } = settings;
  const closing = new AbortController();
  let running: Promise<void> | undefined;
  let notBeforeMs = Number.NEGATIVE_INFINITY;

  /** Rests so long that the work takes only its share of the time; false when it is to end. */
  const pause = async (workedMs: number): Promise<boolean> => {
    const restMs = workedMs * (1 / compression.share - 1);
    if (restMs > 0 && !closing.signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      const cancel = clock.setTimer(wake, restMs);
      closing.signal.addEventListener("abort", wake, { once: true });
      await promise;
      closing.signal.removeEventListener("abort", wake);
      cancel();
    }
    return !closing.signal.aborted;
  };

  const replace = async (segment: SealedSegment): Promise<CompressOutcome> => {
    const { baseOffset, offsetEnd } = segment;
    const path = segmentPath(dir, stream, baseOffset);
    const temporaryPath = `${path}${temporarySuffix}`;
    removeIfThere(files, temporaryPath);
    const outcome = await compressSegment({
      files,
      path,
      temporaryPath,
      stream,
      baseOffset,
      offsetEnd,
      pause,
    });
    // All may have read it meanwhile; then its name must not come back.
    if (outcome.kind === "compressed" && retention.holds(segment)) {
      files.rename(temporaryPath, path);
      retention.replaced(segment, outcome.sizeBytes);
      await files.syncFolder(dirname(path));
    } else {
      removeIfThere(files, temporaryPath);
    }
    return outcome;
  };

  const compressDue = async (): Promise<void> => {
    for (;;) {
      const nowMs = clock.nowMs();
      const segment = nowMs < notBeforeMs ? undefined : retention.nextToCompress(nowMs - compression.afterMs);
      if (segment === undefined || closing.signal.aborted) return;
      const { sizeBytes } = segment;
      try {
        const outcome = await replace(segment);
        if (outcome.kind === "compressed") {
          metrics?.compressedSegments.add({ stream });
          metrics?.compressionSavedBytes.add({ stream }, Math.max(0, sizeBytes - outcome.sizeBytes));
        } else if (outcome.reason === "stopped") return;
        else retention.leave(segment);
      } catch (error) {
        // The original is untouched, or whole under its name; readers of either see the same.
        metrics?.failures.add({ stream, operation: "compress" });
        log?.warn("a segment could not be compressed", { stream, baseOffset: segment.baseOffset, error });
        notBeforeMs = clock.nowMs() + failurePauseMs;
        return;
      }
    }
  };

  const start = async (): Promise<void> => {
    // One in a process: it is not worth more than a part of a core.
    const release = claimCompression(settings.shared);
    if (release === undefined) return;
    try {
      await compressDue();
    } finally {
      release();
    }
  };

  return {
    run() {
      running ??= start().finally(() => (running = undefined));
      return running;
    },
    async close() {
      closing.abort();
      await running;
    },
  };
}
