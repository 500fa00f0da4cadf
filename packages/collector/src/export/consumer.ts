import type { AccountingReader, DeadLetters, JournalRecord, Lag } from "../model/index.ts";
import { backoffMs, retryBackoff } from "./backoff.ts";
import { BatchSize } from "./batch-size.ts";
import { deliver, splitBatches, type Settlement } from "./deliver.ts";
import { InHand } from "./in-hand.ts";
import { Ledger } from "./ledger.ts";
import { createSender, type Sender, type SenderSettings, type SenderState } from "./sender.ts";
import { waitUnlessAborted } from "./wait.ts";

export interface ConsumerSettings extends SenderSettings {
  readonly reader: AccountingReader;
  readonly deadLetters: DeadLetters;
  readonly batchSizeBytesMax: number;
  readonly batchItemCountMax: number;
  /** Each commit costs two syncs; a crash repeats what was sent since the last one. */
  readonly commitIntervalMs: number;
}

export interface ConsumerStatus {
  readonly state: SenderState;
  /** In the journal and not yet settled. */
  readonly queuedItems: number;
}

/** Held for as long as a back end is away, by each signal of each exporter: two full batches, or more that are smaller. */
const inHandSizeBytesMax = 8 * 1024 * 1024;

/** One signal of one exporter: reads its stream, sends, commits. */
export class ExportConsumer {
  readonly #settings: ConsumerSettings;
  readonly #labels: { readonly exporter: string; readonly signal: string };
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();
  readonly #sender: Sender;
  readonly #ledger: Ledger;
  readonly #batchSize: BatchSize;
  readonly #inHand: InHand;
  #running: Promise<void> | undefined;
  #lostItems = 0;
  #cancelCommit: (() => void) | undefined;
  #removeGauges: (() => void) | undefined;

  constructor(settings: ConsumerSettings) {
    this.#settings = settings;
    this.#labels = { exporter: settings.exporter, signal: settings.signal };
    this.#batchSize = new BatchSize(settings.batchSizeBytesMax);
    this.#inHand = new InHand(settings.reader.nextOffset);
    this.#ledger = new Ledger({ ...settings, labels: this.#labels });
    this.#sender = createSender(settings, {
      stopping: this.#stopping.signal,
      aborting: this.#aborting.signal,
    });
  }

  start(): void {
    if (this.#running !== undefined) return;
    const { metrics, reader, exporter, signal } = this.#settings;
    metrics.recoveredItems.add(this.#labels, reader.recoveredItems());
    // Counters that exist from the start can be summed and alerted on.
    for (const counter of [metrics.sentItems, metrics.rejectedItems]) counter.add(this.#labels, 0);
    this.#removeGauges = metrics.addGauges(exporter, signal, () => {
      const { state } = this.#sender;
      return { lag: this.#lag(), pausedBecause: state.kind === "paused" ? state.reason : undefined };
    });
    // From now on the journal knows of this consumer, also while the collector is not at work.
    this.#commit();
    this.#running = this.#run();
  }

  /** Ends after the requests under way, or without their answers when these take longer than `deadlineMs`. */
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
    return { state: this.#sender.state, queuedItems: this.#lag().items };
  }

  /** What is not settled: the reader is ahead by what is in hand. */
  #lag(): Lag {
    const unread = this.#settings.reader.lag();
    const { records, items, bytes, oldestReceivedAtMs = 0 } = this.#inHand.open();
    const ageMs = Math.max(0, this.#settings.clock.nowMs() - oldestReceivedAtMs);
    return {
      records: records + unread.records,
      items: items + unread.items,
      bytes: bytes + unread.bytes,
      seconds: records === 0 ? unread.seconds : ageMs / 1_000,
    };
  }

  async #run(): Promise<void> {
    const { reader } = this.#settings;
    while (!this.#stopping.signal.aborted) {
      const isDone = await this.#persist(() => this.#readNext());
      if (!isDone || this.#stopping.signal.aborted) return;
      if (this.#inHand.open().records > 0) await this.#deliverAll();
      else await reader.waitForMore(this.#stopping.signal);
    }
  }

  /** Takes enough for all the requests that may be under way at once. */
  #readNext(): void {
    const { reader, clock, backEnd } = this.#settings;
    const batchSizeBytes = this.#batchSize.bytesAt(clock.nowMs());
    const wantedSizeBytes = Math.min(batchSizeBytes * (backEnd.requestCountMax ?? 1), inHandSizeBytesMax);
    const records = reader.read({ sizeBytesMax: Math.max(batchSizeBytes, wantedSizeBytes) });
    this.#countLost(reader.lost().items);
    if (records.length === 0) this.#inHand.moveTo(reader.nextOffset);
    else this.#inHand.take(records);
  }

  /** Sends what is in hand, some batches at once; ends when all of it is settled, or when stopped. */
  async #deliverAll(): Promise<void> {
    const { clock, batchItemCountMax, backEnd } = this.#settings;
    const sizeBytesMax = this.#batchSize.bytesAt(clock.nowMs());
    const waiting = splitBatches(this.#inHand.records, { sizeBytesMax, itemCountMax: batchItemCountMax });
    const work = async (): Promise<void> => {
      for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
        if (!(await deliver(batch, this.#sender, this.#settlement))) return;
      }
    };
    await Promise.all(Array.from({ length: backEnd.requestCountMax ?? 1 }, work));
  }

  readonly #settlement: Settlement = {
    accepted: async (records, verdict) =>
      (await this.#persist(() => this.#ledger.accepted(records, verdict))) && this.#settle(records),
    deadLetter: async (record, reason, message) =>
      (await this.#persist(() => this.#ledger.deadLetter(record, reason, message))) && this.#settle([record]),
    tooLarge: (sizeBytes) => this.#batchSize.learn(sizeBytes, this.#settings.clock.nowMs()),
  };

  /** Does what needs the local disk as often as it takes; false when stopped meanwhile. */
  async #persist(work: () => Promise<void> | void): Promise<boolean> {
    const { clock, random, log, metrics } = this.#settings;
    for (let failureCount = 1; ; failureCount += 1) {
      try {
        await work();
        return true;
      } catch (error) {
        metrics.failures.add({ ...this.#labels, operation: "export" });
        if (failureCount === 1)
          log.error("an exporter failed on the local disk; trying again", { ...this.#labels, error });
        await waitUnlessAborted(clock, backoffMs(retryBackoff, failureCount, random), this.#stopping.signal);
        if (this.#stopping.signal.aborted) return false;
      }
    }
  }

  #settle(records: readonly JournalRecord[]): true {
    this.#inHand.settle(records);
    this.#cancelCommit ??= this.#settings.clock.setTimer(() => {
      this.#cancelCommit = undefined;
      this.#commit();
    }, this.#settings.commitIntervalMs);
    return true;
  }

  #commit(): void {
    try {
      this.#settings.reader.commit(this.#inHand.settledOffset);
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
