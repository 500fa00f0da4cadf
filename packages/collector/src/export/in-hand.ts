import type { JournalRecord } from "../model/index.ts";

/** What is read and not settled. */
interface Open {
  readonly records: number;
  readonly items: number;
  readonly bytes: number;
  /** undefined when there is none. */
  readonly oldestReceivedAtMs: number | undefined;
}

/** What was read together. Batches of it may be settled in any order; the cursor follows over the whole ones in front. */
export class InHand {
  #records: readonly JournalRecord[] = [];
  /** Offsets of those that are settled behind one that is not. */
  readonly #ahead = new Set<number>();
  #frontIndex = 0;
  #openCount = 0;
  #items = 0;
  #bytes = 0;
  #settledOffset: number;

  constructor(settledOffset: number) {
    this.#settledOffset = settledOffset;
  }

  get records(): readonly JournalRecord[] {
    return this.#records;
  }

  /** Every record before it is settled. */
  get settledOffset(): number {
    return this.#settledOffset;
  }

  open(): Open {
    return {
      records: this.#openCount,
      items: this.#items,
      bytes: this.#bytes,
      oldestReceivedAtMs: this.#records[this.#frontIndex]?.receivedAtMs,
    };
  }

  /** Takes the next records, in the order of their offsets, once all before are settled. */
  take(records: readonly JournalRecord[]): void {
    this.#records = records;
    this.#ahead.clear();
    this.#frontIndex = 0;
    this.#openCount = records.length;
    this.#items = records.reduce((sum, { itemCount }) => sum + itemCount, 0);
    this.#bytes = records.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  /** There is nothing before this offset: the consumer has caught up. */
  moveTo(offset: number): void {
    this.take([]);
    this.#settledOffset = offset;
  }

  /** Some of those taken are done with. */
  settle(records: readonly JournalRecord[]): void {
    for (const { position, itemCount, payload } of records) {
      this.#ahead.add(position.offset);
      this.#items -= itemCount;
      this.#bytes -= payload.length;
    }
    this.#openCount -= records.length;
    for (;;) {
      const offset = this.#records[this.#frontIndex]?.position.offset;
      if (offset === undefined || !this.#ahead.delete(offset)) return;
      this.#settledOffset = offset + 1;
      this.#frontIndex += 1;
    }
  }
}
