import {
  hasCode,
  systemClock,
  type Clock,
  type DeadLetterReason,
  type DeadLetters,
  type JournalRecord,
  type Stream,
} from "../model/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import { decodeDeadLetter, encodeDeadLetter, noteVersion } from "./dead-letter-format.ts";
import { nodeFiles, type JournalFiles } from "./files.ts";
import { deadLetterFolder } from "./layout.ts";
import { journalMetrics } from "./metrics.ts";
import { readSegments } from "./read-segments.ts";
import { createJournalShared } from "./shared.ts";
import { openStreamWriter } from "./writer.ts";
import type { SegmentStreamWriter } from "./writer-options.ts";

export interface DeadLettersOptions {
  /** The data directory. */
  readonly dir: string;
  readonly stream: Stream;
  readonly consumer: string;
  /** Of all that is kept for this consumer and stream; what comes beyond is given up, and counted. */
  readonly sizeBytesMax?: number;
  readonly clock?: Clock;
  readonly telemetry?: Telemetry;
  readonly log?: Log;
  readonly files?: JournalFiles;
}

const mebibyte = 1024 * 1024;
const sizeBytesMaxDefault = 256 * mebibyte;

/** Dead letters go only when a person says so: a reader of this kind that never reads holds them back. */
const keeper = { name: "keeper", kind: "state" } as const;

/** Touches the disk with the first record only. */
export function openDeadLetters(options: DeadLettersOptions): DeadLetters {
  const { dir, stream, consumer, sizeBytesMax = sizeBytesMaxDefault } = options;
  const { clock = systemClock, telemetry, log, files = nodeFiles } = options;
  const metrics = telemetry === undefined ? undefined : journalMetrics(telemetry);
  const folder = deadLetterFolder(dir, consumer);
  let opening: Promise<SegmentStreamWriter> | undefined;
  /** What is kept: after a crash a consumer comes to the same record again. */
  let known: Set<string> | undefined;

  const open = async (): Promise<SegmentStreamWriter> => {
    const writer = await openStreamWriter({
      dir: folder,
      stream,
      shared: createJournalShared(),
      sizeBytesMax,
      consumers: [keeper],
      clock,
      files,
      ...(log === undefined ? {} : { log }),
    });
    known = new Set();
    for (const record of readSegments({ dir: folder, stream, files })) {
      const letter = decodeDeadLetter(record);
      if (letter !== undefined) known.add(keyOf(letter.note, record.receivedAtMs));
    }
    return writer;
  };

  const writerOnce = async (): Promise<SegmentStreamWriter> => {
    opening ??= open();
    try {
      return await opening;
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };

  const give = (record: JournalRecord, why: DeadLetterReason, error: unknown): "full" => {
    metrics?.deadLettersGivenUp.add({ stream, consumer });
    log?.error(
      "a consumer cannot take a record, and its dead letters are full; see quartet collector journal",
      {
        ...record.position,
        consumer,
        reason: why.reason,
        cause: why.message,
        error,
      },
    );
    return "full";
  };

  return {
    async append(record, why) {
      const writer = await writerOnce();
      const { position, receivedAtMs, itemCount } = record;
      const key = keyOf({ offset: position.offset, ...why }, receivedAtMs);
      if (known!.has(key)) return "kept";
      const { shard, offset } = position;
      const quarantinedAtMs = clock.nowMs();
      const note = { version: noteVersion, consumer, shard, offset, quarantinedAtMs, ...why } as const;
      try {
        await writer.append({ payload: encodeDeadLetter(note, record.payload), itemCount, receivedAtMs });
      } catch (error) {
        if (hasCode(error, "QUARTET_JOURNAL_FULL") || hasCode(error, "QUARTET_RECORD_TOO_LARGE"))
          return give(record, why, error);
        throw error;
      }
      known!.add(key);
      metrics?.deadLetterRecords.add({ stream, consumer, reason: why.reason });
      metrics?.deadLetterItems.add({ stream, consumer, reason: why.reason }, itemCount);
      log?.error(
        "a consumer cannot take a record; it was put into its dead letters, see quartet collector journal",
        {
          ...position,
          consumer,
          itemCount,
          reason: why.reason,
          cause: why.message,
        },
      );
      return "kept";
    },
    async close() {
      // One that could not be opened has nothing to close, and who appended heard of it.
      await opening?.then(
        (writer) => writer.close(),
        () => undefined,
      );
    },
  };
}

function keyOf(
  { offset, item }: { readonly offset: number; readonly item?: number | undefined },
  receivedAtMs: number,
): string {
  return `${offset}:${receivedAtMs}:${item ?? ""}`;
}
