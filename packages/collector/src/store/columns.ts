import { setStaleAt } from "../model/index.ts";
import {
  blockBodyBytes,
  blockFloats,
  blockHeadFloats,
  blockInts,
  blockLength,
  blockNext,
  blockTimeFloat,
  type HeadViews,
} from "./layout.ts";

/**
 * The block format "float columns": 32 timestamps (Unix ms), then 32 values, both float64.
 * A block's length counts samples. Values move as bytes only, never as JS numbers, so that the staleness marker keeps its bits.
 */
export const samplesPerBlock: number = blockBodyBytes / 16;

/** A sample whose value is already in memory, so that a NaN keeps its bits on the way into a block. */
export interface StagedSample {
  timestampMs: number;
  /** When the counter began; 0 = unknown, NaN: when that of its neighbours did. */
  startTimestampMs: number;
  /** One value. */
  readonly value: Float64Array;
}

const normalNanHigh = 0x7ff80000;
const normalNanLow = 1;

/** Puts a sample's value into `staged`; a NaN gets the bits that Prometheus gives to its own. */
export function stageValue(staged: StagedSample, value: number, isStale: boolean): void {
  if (isStale) setStaleAt(staged.value, 0);
  else if (value === value) staged.value[0] = value;
  else {
    const bits = new Uint32Array(staged.value.buffer, staged.value.byteOffset, 2);
    bits[0] = normalNanLow;
    bits[1] = normalNanHigh;
  }
}

export const timesStart = (block: number): number => block * blockFloats + blockHeadFloats;
export const valuesStart = (block: number): number => timesStart(block) + samplesPerBlock;

/** The published number of samples, within bounds whatever the memory says. */
export function sampleCount(views: HeadViews, block: number): number {
  const count = Atomics.load(views.ints, block * blockInts + blockLength);
  return count < 0 || count > samplesPerBlock ? 0 : count;
}

export function nextBlock(views: HeadViews, block: number): number {
  return Atomics.load(views.ints, block * blockInts + blockNext);
}

/** Where in the block the first sample at or after `timestampMs` is; `count` when there is none. */
export function lowerBound(views: HeadViews, block: number, count: number, timestampMs: number): number {
  const { floats } = views;
  const start = timesStart(block);
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (floats[start + middle]! < timestampMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** When the counter began of which a block has samples, all of them. */
export function blockStartMs(views: HeadViews, block: number): number {
  return views.floats[block * blockFloats + blockTimeFloat]!;
}

/** Says when the counter began; the block has no sample, or its slot's version is odd. */
export function setBlockStart(views: HeadViews, block: number, startTimestampMs: number): void {
  views.floats[block * blockFloats + blockTimeFloat] = startTimestampMs;
}

/** Appends to a block with room and publishes the sample. */
export function appendSample(views: HeadViews, block: number, count: number, sample: StagedSample): void {
  views.floats[timesStart(block) + count] = sample.timestampMs;
  views.floats.set(sample.value, valuesStart(block) + count);
  Atomics.store(views.ints, block * blockInts + blockLength, count + 1);
}

/** Makes room at `index` by moving what follows; the block has room, and the slot's version is odd. */
export function insertSample(
  views: HeadViews,
  block: number,
  count: number,
  index: number,
  sample: StagedSample,
): void {
  const { floats } = views;
  for (const start of [timesStart(block), valuesStart(block)]) {
    floats.copyWithin(start + index + 1, start + index, start + count);
  }
  floats[timesStart(block) + index] = sample.timestampMs;
  floats.set(sample.value, valuesStart(block) + index);
  Atomics.store(views.ints, block * blockInts + blockLength, count + 1);
}

/** Moves a block's samples from place `from` on into an empty one and links it in behind; the slot's version is odd. */
export function splitBlock(views: HeadViews, block: number, from: number, empty: number): void {
  const { floats, ints } = views;
  const count = sampleCount(views, block);
  for (const startOf of [timesStart, valuesStart])
    floats.copyWithin(startOf(empty), startOf(block) + from, startOf(block) + count);
  setBlockStart(views, empty, blockStartMs(views, block));
  Atomics.store(ints, empty * blockInts + blockLength, count - from);
  Atomics.store(ints, empty * blockInts + blockNext, nextBlock(views, block));
  Atomics.store(ints, block * blockInts + blockLength, from);
  Atomics.store(ints, block * blockInts + blockNext, empty);
}

/** Whether the value at `at` is the staged one; of NaNs, the bits tell staleness markers and histograms apart. */
export function isSameValue(values: Float64Array, at: number, sample: StagedSample): boolean {
  const stored = values[at]!;
  const staged = sample.value[0]!;
  if (stored === stored || staged === staged) return stored === staged;
  const bits = new Uint32Array(sample.value.buffer, sample.value.byteOffset, 2);
  const storedBits = new Uint32Array(values.buffer, values.byteOffset + at * 8, 2);
  return storedBits[0] === bits[0] && storedBits[1] === bits[1];
}
