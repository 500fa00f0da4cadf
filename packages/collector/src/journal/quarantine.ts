import type { DeadLetterReason, JournalRecord, Quarantine } from "../model/index.ts";
import { openDeadLetters, type DeadLettersOptions } from "./dead-letters.ts";
import { journalMetrics } from "./metrics.ts";

/** Copies that wait for the disk lie in memory. */
const waitingSizeBytesMax = 64 * 1024 * 1024;

interface Waiting {
  readonly record: JournalRecord;
  readonly why: DeadLetterReason;
}

/** The dead letters of a consumer that goes on at once; who opened it closes it, after `settled`. */
export function openQuarantine(options: DeadLettersOptions): Quarantine & { close(): Promise<void> } {
  const { stream, consumer, telemetry, log } = options;
  const deadLetters = openDeadLetters(options);
  const waiting: Waiting[] = [];
  let sizeBytes = 0;
  let running: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      await deadLetters.append(first.record, first.why);
      waiting.shift();
      sizeBytes -= first.record.payload.length;
    }
  };

  const start = (): Promise<void> =>
    (running ??= drain().finally(() => {
      running = undefined;
    }));

  return {
    put(record, error) {
      const message = error instanceof Error ? error.message : String(error);
      if (sizeBytes + record.payload.length > waitingSizeBytesMax) {
        if (telemetry !== undefined) journalMetrics(telemetry).deadLettersGivenUp.add({ stream, consumer });
        log?.error("a consumer cannot take a record, and too many wait to be put aside", {
          ...record.position,
          consumer,
          cause: message,
        });
        return;
      }
      sizeBytes += record.payload.length;
      const copy = { ...record, payload: Buffer.from(record.payload) };
      waiting.push({ record: copy, why: { reason: "threw", message } });
      // Who awaits `settled` hears of a failure, and tries again.
      start().catch(() => undefined);
    },
    settled: start,
    close: () => deadLetters.close(),
  };
}
