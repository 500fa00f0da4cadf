import type { AccountingReader, DeadLetters, JournalRecord } from "../model/index.ts";
import { backoffMs, retryBackoff } from "./backoff.ts";
import { deliver, itemsOf, sizeOf, splitBatches, type LetterReason, type Settlement } from "./deliver.ts";
import { createSender, type Sender, type SenderSettings, type SenderState } from "./sender.ts";

export interface ConsumerSettings extends SenderSettings {
  readonly reader: AccountingReader;
  readonly deadLetters: DeadLetters;
  readonly batchSizeBytesMax: number;
  readonly batchItemCountMax: number;
  /** Each commit costs two syncs; a crash repeats what was sent since the last one. */
  readonly commitIntervalMs: number;
}

/** A record, or one item of it, that the back end will never take. */
interface Letter {
  readonly record: JournalRecord;
  readonly reason: LetterReason;
  readonly message: string;
  readonly item?: { readonly index: number; readonly payload: Uint8Array };
}

export interface ConsumerStatus {
  readonly state: SenderState;
  /** In the journal and not yet settled. */
  readonly queuedItems: number;
}

/** A back end that takes less than this at a time takes nothing. */
const batchSizeBytesMin = 64 * 1024;

/** One signal of one exporter: reads its stream, sends, commits. */
export class ExportConsumer {
  readonly #settings: ConsumerSettings;
  readonly #labels: { readonly exporter: string; readonly signal: string };
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();
  readonly #sender: Sender;
  #batchSizeBytesMax: number;
  #running: Promise<void> | undefined;
  /** Read and not yet settled. */
  #itemsInHand = 0;
  #lostItems = 0;
  /** Every record before it is settled. */
  #settledOffset: number;
  #cancelCommit: (() => void) | undefined;
  #removeGauges: (() => void) | undefined;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
    this.#labels = { exporter: settings.exporter, signal: settings.signal };
    this.#batchSizeBytesMax = settings.batchSizeBytesMax;
    this.#settledOffset = settings.reader.nextOffset;
    this.#sender = createSender(settings, {
      stopping: this.#stopping.signal,
      aborting: this.#aborting.signal,
    });
  }

  start(): void {
    if (this.#running !== undefined) return;
    const { metrics, reader, exporter, signal } = this.#settings;
    metrics.recoveredItems.add(this.#labels, reader.lag().items);
    // Counters that exist from the start can be summed and alerted on.
    for (const counter of [metrics.sentItems, metrics.rejectedItems]) counter.add(this.#labels, 0);
    this.#removeGauges = metrics.addGauges(exporter, signal, () => {
      const { state, queuedItems } = this.status();
      return { queuedItems, pausedBecause: state.kind === "paused" ? state.reason : undefined };
    });
    this.#running = this.#run();
  }

  /** Ends after the request under way, or without its answer when that takes longer than `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    const cancel = this.#settings.clock.setTimer(() => this.#aborting.abort(), deadlineMs);
    await this.#running;
    cancel();
    this.#cancelCommit?.();
    this.#commit();
    this.#removeGauges?.();
  }

  status(): ConsumerStatus {
    return {
      state: this.#sender.state,
      queuedItems: this.#itemsInHand + this.#settings.reader.lag().items,
    };
  }

  async #run(): Promise<void> {
    const { reader, clock, random, log } = this.#settings;
    const stopping = this.#stopping.signal;
    let mustSeek = false;
    for (let failureCount = 0; !stopping.aborted;) {
      try {
        if (mustSeek) {
          reader.seek(this.#settledOffset);
          this.#itemsInHand = 0;
          mustSeek = false;
        }
        await this.#step(reader);
        failureCount = 0;
      } catch (error) {
        // The local disk: the journal cannot be read or the dead letter not be written. Nothing was settled, so do it again.
        failureCount += 1;
        this.#settings.metrics.failures.add({ ...this.#labels, operation: "export" });
        if (failureCount === 1)
          log.error("an exporter failed on the local disk; trying again", { ...this.#labels, error });
        mustSeek = true;
        await this.#pause(clock, backoffMs(retryBackoff, failureCount, random));
      }
    }
  }

  async #pause(clock: SenderSettings["clock"], delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const cancel = clock.setTimer(wake, delayMs);
    this.#stopping.signal.addEventListener("abort", wake, { once: true });
    if (!this.#stopping.signal.aborted) await promise;
    this.#stopping.signal.removeEventListener("abort", wake);
    cancel();
  }

  async #step(reader: AccountingReader): Promise<void> {
    const records = reader.read({ sizeBytesMax: this.#batchSizeBytesMax });
    this.#countLost(reader.lost().items);
    if (records.length === 0) {
      this.#settledOffset = reader.nextOffset;
      await reader.waitForMore(this.#stopping.signal);
      return;
    }
    this.#itemsInHand = itemsOf(records);
    const bounds = {
      sizeBytesMax: this.#batchSizeBytesMax,
      itemCountMax: this.#settings.batchItemCountMax,
    };
    for (const batch of splitBatches(records, bounds)) {
      if (!(await deliver(batch, this.#sender, this.#settlement))) return;
    }
  }

  readonly #settlement: Settlement = {
    accepted: async (records, verdict) => {
      const { metrics, log } = this.#settings;
      const { rejectedCount, message, undecodable, deadLetters = [], dropped = [] } = verdict;
      await this.#keep([
        ...undecodable.map((letter) => ({ ...letter, reason: "undecodable" as const })),
        ...deadLetters.map(({ record, index, payload, message: said }) => ({
          record,
          reason: "refused" as const,
          message: said,
          item: { index, payload },
        })),
      ]);
      // A back end may count what it likes, but no more than it was sent.
      let openCount =
        itemsOf(records) - itemsOf(undecodable.map(({ record }) => record)) - deadLetters.length;
      for (const { reason, itemCount } of dropped) {
        const droppedCount = Math.min(itemCount, openCount);
        metrics.droppedItems.add({ ...this.#labels, reason }, droppedCount);
        openCount -= droppedCount;
      }
      const rejected = Math.min(rejectedCount, openCount);
      metrics.sentItems.add(this.#labels, openCount - rejected);
      metrics.sentBytes.add(this.#labels, sizeOf(records));
      metrics.rejectedItems.add(this.#labels, rejected);
      if (rejected > 0)
        log.warn("the back end rejected a part of a batch", { ...this.#labels, rejected, message });
      this.#settle(records);
    },
    deadLetter: async (record, reason, message) => {
      await this.#keep([{ record, reason, message }]);
      this.#settle([record]);
    },
    tooLarge: (sizeBytes) => {
      this.#batchSizeBytesMax = Math.max(
        batchSizeBytesMin,
        Math.min(this.#batchSizeBytesMax, sizeBytes >> 1),
      );
    },
  };

  /** Resolves when they are on disk as dead letters, or counted as dropped. */
  async #keep(letters: readonly Letter[]): Promise<void> {
    const { deadLetters, metrics } = this.#settings;
    // All at once: they share syncs.
    await Promise.all(
      letters.map(async ({ record, reason, message, item }) => {
        const kept =
          item === undefined
            ? await deadLetters.append(record, { reason, message })
            : await deadLetters.append(
                { ...record, itemCount: 1, payload: item.payload },
                { reason, message, item: item.index },
              );
        const itemCount = item === undefined ? record.itemCount : 1;
        if (kept === "kept") metrics.deadLetterItems.add({ ...this.#labels, reason }, itemCount);
        else metrics.droppedItems.add({ ...this.#labels, reason: "dead_letter_full" }, itemCount);
      }),
    );
  }

  #settle(records: readonly JournalRecord[]): void {
    this.#itemsInHand -= itemsOf(records);
    this.#settledOffset = records.at(-1)!.position.offset + 1;
    this.#cancelCommit ??= this.#settings.clock.setTimer(() => {
      this.#cancelCommit = undefined;
      this.#commit();
    }, this.#settings.commitIntervalMs);
  }

  #commit(): void {
    try {
      this.#settings.reader.commit(this.#settledOffset);
    } catch (error) {
      // The cursor stays behind: duplicates after a crash, no loss.
      this.#settings.metrics.failures.add({ ...this.#labels, operation: "commit" });
      this.#settings.log.error("an exporter's cursor could not be made durable", { ...this.#labels, error });
    }
  }

  #countLost(lostItems: number): void {
    const { metrics } = this.#settings;
    if (lostItems > this.#lostItems) {
      metrics.droppedItems.add({ ...this.#labels, reason: "journal" }, lostItems - this.#lostItems);
    }
    this.#lostItems = lostItems;
  }
}
