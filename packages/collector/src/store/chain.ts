import {
  appendSample,
  insertSample,
  isSameValue,
  lowerBound,
  nextBlock,
  sampleCount,
  samplesPerBlock,
  splitBlock,
  timesStart,
  type StagedSample,
} from "./columns.ts";
import type { Arena } from "./arena.ts";
import {
  blockInts,
  blockNext,
  formatFloatColumns,
  slotFirstBlock,
  slotInts,
  slotLastBlock,
  type HeadViews,
} from "./layout.ts";
import { changeGuarded } from "./seqlock.ts";

/** What became of one sample. "present": the same sample was there already, nothing changed. */
export type SampleOutcome = "stored" | "present" | "duplicate" | "out_of_order" | "memory_limit";

/** Writes the sample chains of all slots; only the writer has one. */
export interface ChainWriter {
  /** Adds a sample in time order; one that is older than the slot's last by more than the window is refused. */
  write(slot: number, sample: StagedSample): SampleOutcome;
  /** Timestamp of the slot's last sample; -Infinity when it has none. */
  lastMs(slot: number): number;
  /** Gives back the blocks whose samples are all before `cutoffMs`, the last block excepted. */
  trim(slot: number, cutoffMs: number): void;
  /** Gives back every block; the caller holds the slot's version odd. */
  clear(slot: number): void;
}

export function createChainWriter(
  views: HeadViews,
  arena: Arena,
  settings: { readonly outOfOrderWindowMs: number },
): ChainWriter {
  const field = (slot: number, index: number) => views.slots[slot * slotInts + index]!;
  const setField = (slot: number, index: number, value: number) =>
    Atomics.store(views.slots, slot * slotInts + index, value);

  const timeAt = (block: number, index: number) => views.floats[timesStart(block) + index]!;
  const endMs = (block: number) => timeAt(block, sampleCount(views, block) - 1);

  function append(slot: number, last: number, sample: StagedSample): SampleOutcome {
    const count = last === 0 ? samplesPerBlock : sampleCount(views, last);
    if (count < samplesPerBlock) {
      appendSample(views, last, count, sample);
      return "stored";
    }
    const block = arena.allocate(formatFloatColumns);
    if (block === 0) return "memory_limit";
    // The sample is in place before the block can be reached, so a reader never meets an empty block.
    appendSample(views, block, 0, sample);
    if (last === 0) setField(slot, slotFirstBlock, block);
    else Atomics.store(views.ints, last * blockInts + blockNext, block);
    setField(slot, slotLastBlock, block);
    return "stored";
  }

  function insert(slot: number, sample: StagedSample, isTooLate: boolean): SampleOutcome {
    let block = field(slot, slotFirstBlock);
    while (endMs(block) < sample.timestampMs) block = nextBlock(views, block);
    const count = sampleCount(views, block);
    const index = lowerBound(views, block, count, sample.timestampMs);
    if (timeAt(block, index) === sample.timestampMs) {
      return isSameValue(views, block, index, sample) ? "present" : "duplicate";
    }
    if (isTooLate) return "out_of_order";
    if (count < samplesPerBlock) {
      changeGuarded(views, slot, () => insertSample(views, block, count, index, sample));
      return "stored";
    }
    const empty = arena.allocate(formatFloatColumns);
    if (empty === 0) return "memory_limit";
    changeGuarded(views, slot, () => {
      splitBlock(views, block, empty);
      if (field(slot, slotLastBlock) === block) setField(slot, slotLastBlock, empty);
      const half = sampleCount(views, block);
      if (index <= half) insertSample(views, block, half, index, sample);
      else insertSample(views, empty, sampleCount(views, empty), index - half, sample);
    });
    return "stored";
  }

  function lastMs(slot: number): number {
    const last = field(slot, slotLastBlock);
    return last === 0 ? -Infinity : endMs(last);
  }

  return {
    lastMs,
    write(slot, sample) {
      const last = field(slot, slotLastBlock);
      const newestMs = last === 0 ? -Infinity : endMs(last);
      if (sample.timestampMs > newestMs) return append(slot, last, sample);
      return insert(slot, sample, sample.timestampMs < newestMs - settings.outOfOrderWindowMs);
    },
    trim(slot, cutoffMs) {
      const last = field(slot, slotLastBlock);
      let block = field(slot, slotFirstBlock);
      const dropped: number[] = [];
      while (block !== last && endMs(block) < cutoffMs) {
        dropped.push(block);
        block = nextBlock(views, block);
      }
      if (dropped.length === 0) return;
      changeGuarded(views, slot, () => setField(slot, slotFirstBlock, block));
      for (const each of dropped) arena.release(each);
    },
    clear(slot) {
      let block = field(slot, slotFirstBlock);
      while (block !== 0) {
        const next = nextBlock(views, block);
        arena.release(block);
        block = next;
      }
      setField(slot, slotFirstBlock, 0);
      setField(slot, slotLastBlock, 0);
    },
  };
}
