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
  valuesStart,
} from "./columns.ts";
import type { Arena } from "./arena.ts";
import {
  blockFormat,
  blockInts,
  blockNext,
  formatFloatColumns,
  formatMixedColumns,
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
  /** The same for a value that refers to a histogram. */
  writeReference(slot: number, sample: StagedSample): SampleOutcome;
  /** Where in `views.floats` the value of that time is; -1 when there is none. */
  find(slot: number, timestampMs: number): number;
  /** Visits where in `views.floats` the slot's values are, as far as they may refer to histograms. */
  eachReference(slot: number, visit: (at: number) => void): void;
  /** Timestamp of the slot's last sample; -Infinity when it has none. */
  lastMs(slot: number): number;
  /** Gives back the blocks whose samples are all before `cutoffMs`, the last block excepted; tells whether there were any. */
  trim(slot: number, cutoffMs: number): boolean;
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

  const formatOf = (block: number) => views.ints[block * blockInts + blockFormat]!;
  const setFormat = (block: number, format: number) =>
    Atomics.store(views.ints, block * blockInts + blockFormat, format);

  function append(slot: number, last: number, sample: StagedSample, format: number): SampleOutcome {
    const count = last === 0 ? samplesPerBlock : sampleCount(views, last);
    if (count < samplesPerBlock) {
      if (format === formatMixedColumns) setFormat(last, format);
      appendSample(views, last, count, sample);
      return "stored";
    }
    const block = arena.allocate(format);
    if (block === 0) return "memory_limit";
    // The sample is in place before the block can be reached, so a reader never meets an empty block.
    appendSample(views, block, 0, sample);
    if (last === 0) setField(slot, slotFirstBlock, block);
    else Atomics.store(views.ints, last * blockInts + blockNext, block);
    setField(slot, slotLastBlock, block);
    return "stored";
  }

  /** The block that a time falls into; there is one that ends at or after it. */
  function blockAt(slot: number, timestampMs: number): number {
    let block = field(slot, slotFirstBlock);
    while (endMs(block) < timestampMs) block = nextBlock(views, block);
    return block;
  }

  function insert(slot: number, sample: StagedSample, isTooLate: boolean, format: number): SampleOutcome {
    const block = blockAt(slot, sample.timestampMs);
    const count = sampleCount(views, block);
    const index = lowerBound(views, block, count, sample.timestampMs);
    if (timeAt(block, index) === sample.timestampMs) {
      return isSameValue(views, block, index, sample) ? "present" : "duplicate";
    }
    if (isTooLate) return "out_of_order";
    if (format === formatMixedColumns) setFormat(block, format);
    if (count < samplesPerBlock) {
      changeGuarded(views, slot, () => insertSample(views, block, count, index, sample));
      return "stored";
    }
    const empty = arena.allocate(formatOf(block));
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

  function write(slot: number, sample: StagedSample, format: number): SampleOutcome {
    const last = field(slot, slotLastBlock);
    const newestMs = last === 0 ? -Infinity : endMs(last);
    if (sample.timestampMs > newestMs) return append(slot, last, sample, format);
    return insert(slot, sample, sample.timestampMs < newestMs - settings.outOfOrderWindowMs, format);
  }

  return {
    lastMs,
    write: (slot, sample) => write(slot, sample, formatFloatColumns),
    writeReference: (slot, sample) => write(slot, sample, formatMixedColumns),
    find(slot, timestampMs) {
      if (timestampMs > lastMs(slot)) return -1;
      const block = blockAt(slot, timestampMs);
      const index = lowerBound(views, block, sampleCount(views, block), timestampMs);
      return timeAt(block, index) === timestampMs ? valuesStart(block) + index : -1;
    },
    eachReference(slot, visit) {
      for (let block = field(slot, slotFirstBlock); block !== 0; block = nextBlock(views, block)) {
        if (formatOf(block) !== formatMixedColumns) continue;
        for (let index = 0; index < sampleCount(views, block); index += 1) visit(valuesStart(block) + index);
      }
    },
    trim(slot, cutoffMs) {
      const last = field(slot, slotLastBlock);
      let block = field(slot, slotFirstBlock);
      const dropped: number[] = [];
      while (block !== last && endMs(block) < cutoffMs) {
        dropped.push(block);
        block = nextBlock(views, block);
      }
      if (dropped.length === 0) return false;
      changeGuarded(views, slot, () => setField(slot, slotFirstBlock, block));
      for (const each of dropped) arena.release(each);
      return true;
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
