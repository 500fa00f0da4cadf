import type { DeadLetters, JournalRecord } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { itemsOf, sizeOf, type LetterReason } from "./deliver.ts";
import type { ExportMetrics } from "./metrics.ts";
import type { Verdict } from "./sender.ts";

export interface LedgerSettings {
  readonly labels: { readonly exporter: string; readonly signal: string };
  readonly deadLetters: DeadLetters;
  readonly metrics: ExportMetrics;
  readonly log: Log;
}

/** A record, or one item of it, that the back end will never take. */
interface Letter {
  readonly record: JournalRecord;
  readonly reason: LetterReason;
  readonly message: string;
  readonly item?: { readonly index: number; readonly payload: Uint8Array };
}

/** Counts what becomes of each item, so that none is counted twice and none is missing. */
export class Ledger {
  readonly #settings: LedgerSettings;

  constructor(settings: LedgerSettings) {
    this.#settings = settings;
  }

  /** Resolves when the dead letters among them are on disk. When it rejects, nothing of it was counted: do it again. */
  async accepted(
    records: readonly JournalRecord[],
    verdict: Extract<Verdict, { readonly kind: "accepted" }>,
  ): Promise<void> {
    const { labels, metrics, log } = this.#settings;
    const { rejectedCount, message, undecodable, deadLetters = [], dropped = [] } = verdict;
    await this.#keep([
      ...undecodable.map((letter) => ({ ...letter, reason: "undecodable" as const })),
      ...deadLetters.map(({ record, index, payload, reason = "refused", message: said }) => ({
        record,
        reason,
        message: said,
        item: { index, payload },
      })),
    ]);
    const lostItems =
      itemsOf(undecodable.map(({ record }) => record)) +
      deadLetters.reduce((sum, { record }) => sum + countOfItem(record), 0);
    // A back end may count what it likes, but no more than it was sent.
    let openCount = Math.max(0, itemsOf(records) - lostItems);
    for (const { reason, itemCount } of dropped) {
      const droppedCount = Math.min(itemCount, openCount);
      metrics.droppedItems.add({ ...labels, reason }, droppedCount);
      openCount -= droppedCount;
    }
    const rejected = Math.min(rejectedCount, openCount);
    metrics.sentItems.add(labels, openCount - rejected);
    metrics.sentBytes.add(labels, sizeOf(records));
    metrics.rejectedItems.add(labels, rejected);
    if (rejected > 0)
      log.warn("the back end rejected a part of a batch", { ...labels, rejected, cause: message });
  }

  /** Resolves when the record is on disk. When it rejects, it was not counted: do it again. */
  async deadLetter(record: JournalRecord, reason: LetterReason, message: string): Promise<void> {
    await this.#keep([{ record, reason, message }]);
  }

  async #keep(letters: readonly Letter[]): Promise<void> {
    const { labels, deadLetters, metrics } = this.#settings;
    // All at once: they share syncs. One that is kept already when this is done again is not kept twice.
    const kept = await Promise.all(
      letters.map(({ record, reason, message, item }) =>
        item === undefined
          ? deadLetters.append(record, { reason, message })
          : deadLetters.append(
              { ...record, itemCount: 1, payload: item.payload },
              { reason, message, item: item.index },
            ),
      ),
    );
    for (const [index, { record, reason, item }] of letters.entries()) {
      const itemCount = item === undefined ? record.itemCount : countOfItem(record);
      if (kept[index] === "kept") metrics.deadLetterItems.add({ ...labels, reason }, itemCount);
      else metrics.droppedItems.add({ ...labels, reason: "dead_letter_full" }, itemCount);
    }
  }
}

/** What one item of a record counts: the items of a replay, whose record says 0, were counted when they first came. */
function countOfItem({ itemCount }: JournalRecord): number {
  return Math.min(1, itemCount);
}
