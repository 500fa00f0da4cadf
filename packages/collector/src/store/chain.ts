import { histogramsEqual, type NativeHistogram } from "../model/index.ts";
import type { Arena } from "./arena.ts";
import { inPlace, SampleColumns, type EncodedChunk } from "./chunk/index.ts";
import {
  appendSample,
  blockStartMs,
  insertSample,
  isSameValue,
  lowerBound,
  nextBlock,
  sampleCount,
  samplesPerBlock,
  setBlockStart,
  splitBlock,
  timesStart,
  valuesStart,
  type StagedSample,
} from "./columns.ts";
import { readHistogram } from "./histograms.ts";
import {
  blockBodyBytes,
  blockFormat,
  blockInts,
  blockIsUnpackable,
  blockNext,
  formatFloatColumns,
  formatMixedColumns,
  formatPacked,
  slotFirstBlock,
  slotInts,
  slotLastBlock,
  type HeadViews,
} from "./layout.ts";
import {
  appendChunk,
  countFitting,
  dropLastEntry,
  lastEntry,
  packedBytes,
  packedEndMs,
  packedEntries,
  packSamples,
  readChunk,
  type PackedEntry,
} from "./packed.ts";
import { readColumns } from "./read-columns.ts";
import { changeGuarded } from "./seqlock.ts";

/** What became of one sample. "present": the same sample was there already, nothing changed. */
export type SampleOutcome = "stored" | "present" | "duplicate" | "out_of_order" | "memory_limit";

/** Writes the sample chains of all slots; only the writer has one. */
export interface ChainWriter {
  /** Adds a sample in time order; one that is older than the slot's last by more than the window is refused. */
  write(slot: number, sample: StagedSample): SampleOutcome;
  /** The same for a value that refers to a histogram, when `findHistogram` has found none of its time. */
  writeReference(slot: number, sample: StagedSample): SampleOutcome;
  /** Whether the slot has this very histogram at that time, or something else; undefined when it has nothing there. */
  findHistogram(
    slot: number,
    timestampMs: number,
    histogram: NativeHistogram,
  ): "present" | "duplicate" | undefined;
  /** Visits where in `views.floats` the slot's values are, as far as they may refer to histograms. */
  eachReference(slot: number, visit: (at: number) => void): void;
  /** Timestamp of the slot's last sample; -Infinity when it has none. */
  lastMs(slot: number): number;
  /** Gives back the blocks whose samples are all before `cutoffMs`, the last block excepted; tells whether there were any. */
  trim(slot: number, cutoffMs: number): boolean;
  /** Gives back every block; the caller holds the slot's version odd. */
  clear(slot: number): void;
}

interface ChainSettings {
  readonly outOfOrderWindowMs: number;
  /** Histograms of that slot may no longer be referred to. */
  readonly onPacked: (slot: number) => void;
}

/**
 * A block of columns takes in samples; when no sample can come between its own any more they are compressed. That is looked at
 * as soon as the block behind it has so many: by then the window for late samples has passed as a rule. Series that began together
 * fill their blocks together: ten thousand at once would take a tenth of a second, so each slot has its own number.
 */
const samplesBeforePacking = (slot: number) => 8 + (slot % 16);
/** What is compressed joins the chunk before it up to this length: long chunks are smaller, but each time all of it is encoded anew. */
const samplesPerJoinedChunk = 2 * samplesPerBlock;

/** What takes the place of a block of columns. */
interface PackedBlock {
  readonly chunks: readonly EncodedChunk[];
  /** The chunk before it, whose samples are among them. */
  readonly joined: PackedEntry | undefined;
}

export function createChainWriter(views: HeadViews, arena: Arena, settings: ChainSettings): ChainWriter {
  const { outOfOrderWindowMs, onPacked } = settings;
  const unpacked = new SampleColumns();
  /** What is packed. All series that began together are packed together: arrays for each would be ten megabytes at once. */
  const packing = new SampleColumns({ hasStarts: true });

  const field = (slot: number, index: number) => views.slots[slot * slotInts + index]!;
  const setField = (slot: number, index: number, value: number) =>
    Atomics.store(views.slots, slot * slotInts + index, value);

  const formatOf = (block: number) => views.ints[block * blockInts + blockFormat]!;
  const setFormat = (block: number, format: number) =>
    Atomics.store(views.ints, block * blockInts + blockFormat, format);

  const setNext = (block: number, next: number) =>
    Atomics.store(views.ints, block * blockInts + blockNext, next);

  const timeAt = (block: number, index: number) => views.floats[timesStart(block) + index]!;
  const endMs = (block: number) =>
    formatOf(block) === formatPacked
      ? packedEndMs(views, block)
      : timeAt(block, sampleCount(views, block) - 1);

  /** A block has samples of one start time. */
  const belongs = (block: number, { startTimestampMs }: StagedSample) =>
    Number.isNaN(startTimestampMs) || startTimestampMs === blockStartMs(views, block);

  function append(slot: number, last: number, sample: StagedSample, format: number): SampleOutcome {
    const count = last === 0 ? samplesPerBlock : sampleCount(views, last);
    if (count < samplesPerBlock && belongs(last, sample)) {
      if (format === formatMixedColumns) setFormat(last, format);
      appendSample(views, last, count, sample);
      if (count + 1 === samplesBeforePacking(slot)) pack(slot, sample.timestampMs - outOfOrderWindowMs);
      return "stored";
    }
    const block = arena.allocate(format);
    if (block === 0) return "memory_limit";
    const { startTimestampMs } = sample;
    if (!Number.isNaN(startTimestampMs)) setBlockStart(views, block, startTimestampMs);
    else setBlockStart(views, block, last === 0 ? 0 : blockStartMs(views, last));
    // The sample is in place before the block can be reached, so a reader never meets an empty block.
    appendSample(views, block, 0, sample);
    if (last === 0) setField(slot, slotFirstBlock, block);
    else Atomics.store(views.ints, last * blockInts + blockNext, block);
    setField(slot, slotLastBlock, block);
    // Where every few samples have another start time no block gets that many.
    if (last !== 0 && count < samplesPerBlock) pack(slot, sample.timestampMs - outOfOrderWindowMs);
    return "stored";
  }

  /** Compresses the blocks, but for the last, whose samples are all before `beforeMs`. */
  function pack(slot: number, beforeMs: number): void {
    let before = 0;
    let block = field(slot, slotFirstBlock);
    let isPacked = false;
    while (block !== field(slot, slotLastBlock) && endMs(block) < beforeMs) {
      const next = nextBlock(views, block);
      if (formatOf(block) === formatPacked || views.ints[block * blockInts + blockIsUnpackable] === 1)
        before = block;
      else {
        const packedBlock = compress(block, before);
        if (packedBlock === undefined) {
          views.ints[block * blockInts + blockIsUnpackable] = 1;
          before = block;
        } else {
          const packed = replace(slot, before, block, packedBlock);
          // The arena is full: what comes later may find room.
          if (packed === 0) break;
          before = packed;
          isPacked = true;
        }
      }
      block = next;
    }
    if (isPacked) onPacked(slot);
  }

  /** A block's samples as chunks, together with those of a short chunk at the end of the one before; undefined when they do not get smaller. */
  function compress(block: number, before: number): PackedBlock | undefined {
    const count = sampleCount(views, block);
    const last = before === 0 ? undefined : lastEntry(views, before);
    packing.clear();
    if (last !== undefined && last.sampleCount + count <= samplesPerJoinedChunk) {
      readChunk(views, last, packing);
      readColumns(views, block, { from: 0, to: count }, packing);
      const chunks = packSamples(packing.copy(inPlace));
      if (chunks !== undefined && countFitting(views, before, chunks, last) === chunks.length)
        return { chunks, joined: last };
      packing.clear();
    }
    readColumns(views, block, { from: 0, to: count }, packing);
    const chunks = packSamples(packing.copy(inPlace));
    const isSmall = chunks !== undefined && packedBytes(chunks) <= blockBodyBytes / 2;
    return chunks === undefined || (formatOf(block) === formatFloatColumns && !isSmall)
      ? undefined
      : { chunks, joined: undefined };
  }

  /** Puts chunks in the place of a block of columns behind `before` (0: the first); gives the last block of theirs, 0 when the arena is full. */
  function replace(slot: number, before: number, block: number, { chunks, joined }: PackedBlock): number {
    const joining = before === 0 ? 0 : countFitting(views, before, chunks, joined);
    const added: number[] = [];
    for (const chunk of chunks.slice(joining)) {
      const into = added.at(-1);
      if (into !== undefined && appendChunk(views, into, chunk)) continue;
      const empty = arena.allocate(formatPacked);
      if (empty === 0) {
        for (const each of added) arena.release(each);
        return 0;
      }
      appendChunk(views, empty, chunk);
      if (into !== undefined) setNext(into, empty);
      added.push(empty);
    }
    const next = nextBlock(views, block);
    if (added.length > 0) setNext(added.at(-1)!, next);
    changeGuarded(views, slot, () => {
      if (joined !== undefined) dropLastEntry(views, before, joined);
      for (const chunk of chunks.slice(0, joining)) appendChunk(views, before, chunk);
      if (before === 0) setField(slot, slotFirstBlock, added[0]!);
      else setNext(before, added[0] ?? next);
    });
    arena.release(block);
    return added.at(-1) ?? before;
  }

  /** The block that a time falls into; there is one that ends at or after it. */
  function blockAt(slot: number, timestampMs: number): number {
    let block = field(slot, slotFirstBlock);
    while (endMs(block) < timestampMs) block = nextBlock(views, block);
    return block;
  }

  /** Where among `unpacked` the sample of that time is; -1 when the packed block has none. */
  function unpackAt(block: number, timestampMs: number): number {
    unpacked.cut(0);
    unpacked.histograms = undefined;
    const entry = packedEntries(views, block).find(({ maxMs }) => maxMs >= timestampMs);
    if (entry !== undefined) readChunk(views, entry, unpacked);
    return unpacked.timestampsMs.subarray(0, unpacked.length).indexOf(timestampMs);
  }

  function insert(slot: number, sample: StagedSample, isTooLate: boolean, format: number): SampleOutcome {
    const { timestampMs } = sample;
    const block = blockAt(slot, timestampMs);
    if (formatOf(block) === formatPacked) {
      const at = unpackAt(block, timestampMs);
      // What is packed ends before the window for late samples.
      if (at < 0) return "out_of_order";
      const isFloat = unpacked.histograms?.[at] === undefined;
      return isFloat && isSameValue(unpacked.values, at, sample) ? "present" : "duplicate";
    }
    const count = sampleCount(views, block);
    const index = lowerBound(views, block, count, timestampMs);
    if (timeAt(block, index) === timestampMs) {
      return isSameValue(views.floats, valuesStart(block) + index, sample) ? "present" : "duplicate";
    }
    if (isTooLate) return "out_of_order";
    if (!belongs(block, sample)) return insertApart(slot, block, index, sample, format);
    if (format === formatMixedColumns) setFormat(block, format);
    if (count < samplesPerBlock) {
      changeGuarded(views, slot, () => insertSample(views, block, count, index, sample));
      return "stored";
    }
    const empty = arena.allocate(formatOf(block));
    if (empty === 0) return "memory_limit";
    changeGuarded(views, slot, () => {
      splitBlock(views, block, samplesPerBlock / 2, empty);
      if (field(slot, slotLastBlock) === block) setField(slot, slotLastBlock, empty);
      const half = sampleCount(views, block);
      if (index <= half) insertSample(views, block, half, index, sample);
      else insertSample(views, empty, sampleCount(views, empty), index - half, sample);
    });
    return "stored";
  }

  /** Puts a late sample of another start time into a block of its own, between those before `index` in its block and the others. */
  function insertApart(
    slot: number,
    block: number,
    index: number,
    sample: StagedSample,
    format: number,
  ): SampleOutcome {
    const own = arena.allocate(format);
    const rest = index === 0 || own === 0 ? 0 : arena.allocate(formatOf(block));
    if (own === 0 || (index > 0 && rest === 0)) {
      if (own !== 0) arena.release(own);
      return "memory_limit";
    }
    setBlockStart(views, own, sample.startTimestampMs);
    appendSample(views, own, 0, sample);
    let before = 0;
    for (let each = field(slot, slotFirstBlock); each !== block; each = nextBlock(views, each)) before = each;
    changeGuarded(views, slot, () => {
      if (index > 0) {
        splitBlock(views, block, index, rest);
        if (field(slot, slotLastBlock) === block) setField(slot, slotLastBlock, rest);
        before = block;
      }
      setNext(own, index > 0 ? rest : block);
      if (before === 0) setField(slot, slotFirstBlock, own);
      else setNext(before, own);
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
    return insert(slot, sample, sample.timestampMs < newestMs - outOfOrderWindowMs, format);
  }

  return {
    lastMs,
    write: (slot, sample) => write(slot, sample, formatFloatColumns),
    writeReference: (slot, sample) => write(slot, sample, formatMixedColumns),
    findHistogram(slot, timestampMs, histogram) {
      if (timestampMs > lastMs(slot)) return undefined;
      const block = blockAt(slot, timestampMs);
      let there: NativeHistogram | undefined;
      if (formatOf(block) === formatPacked) {
        const at = unpackAt(block, timestampMs);
        if (at < 0) return undefined;
        there = unpacked.histograms?.[at];
      } else {
        const index = lowerBound(views, block, sampleCount(views, block), timestampMs);
        if (timeAt(block, index) !== timestampMs) return undefined;
        there = readHistogram(views, views.floats, valuesStart(block) + index);
      }
      return there !== undefined && histogramsEqual(there, histogram) ? "present" : "duplicate";
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
