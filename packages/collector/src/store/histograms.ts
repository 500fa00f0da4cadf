import type { HistogramWrite, NativeHistogram } from "../model/index.ts";
import { decodeHistogramSample, encodeHistogramSample } from "../otlp/index.ts";
import type { Arena } from "./arena.ts";
import type { StagedSample } from "./columns.ts";
import {
  blockBodyBytes,
  blockBytes,
  blockFormat,
  blockHeadBytes,
  blockInts,
  blockLength,
  blockNext,
  formatHistograms,
  type HeadViews,
} from "./layout.ts";

/**
 * Native histograms lie beside the columns, as bytes in a chain of blocks of their own: a length of two bytes, then protobuf,
 * running on into the next block. In the column of values stands a NaN that nothing else has, which says where: the block in
 * its low half, the place in the block in its high half.
 */
const referenceHigh = 0x7ffc_0000;
/** A place in a block's body. */
const offsetMask = blockBodyBytes - 1;
const lengthBytes = 2;
/** A histogram has 160 buckets a side by default; this is ten times that. */
const histogramBytesMax = 16 * 1024;

/** Writes the histograms of all slots; only the writer has one. */
export interface HistogramWriter {
  /** Puts a histogram into the slot's chain and its place into `staged`. A repetition of the last one takes no room. */
  stage(slot: number, write: HistogramWrite, staged: StagedSample): "staged" | "too_large" | "memory_limit";
  /** Gives back the blocks before the first one that is referred to; no reader can reach them any more. */
  trim(slot: number, isReferred: (block: number) => boolean): void;
  /** Gives back every block; the caller holds the slot's version odd. */
  clear(slot: number): void;
}

interface Chain {
  first: number;
  last: number;
  /** What was written last, and where. */
  bytes: Uint8Array;
  block: number;
  offset: number;
}

export function createHistogramWriter(views: HeadViews, arena: Arena): HistogramWriter {
  const chains = new Map<number, Chain>();

  function extend(slot: number): number {
    const block = arena.allocate(formatHistograms);
    if (block === 0) return 0;
    const chain = chains.get(slot);
    if (chain === undefined) {
      chains.set(slot, { first: block, last: block, bytes: new Uint8Array(), block, offset: 0 });
    } else {
      Atomics.store(views.ints, chain.last * blockInts + blockNext, block);
      chain.last = block;
    }
    return block;
  }

  /** Where the next byte goes; false when there is no room. */
  function append(
    slot: number,
    bytes: Uint8Array,
  ): { readonly block: number; readonly offset: number } | undefined {
    let begin: { readonly block: number; readonly offset: number } | undefined;
    for (let done = 0; done < bytes.length;) {
      let block = chains.get(slot)?.last ?? 0;
      let used = block === 0 ? blockBodyBytes : views.ints[block * blockInts + blockLength]!;
      if (used === blockBodyBytes) {
        block = extend(slot);
        if (block === 0) return undefined;
        used = 0;
      }
      begin ??= { block, offset: used };
      const size = Math.min(blockBodyBytes - used, bytes.length - done);
      views.bytes.set(bytes.subarray(done, done + size), block * blockBytes + blockHeadBytes + used);
      Atomics.store(views.ints, block * blockInts + blockLength, used + size);
      done += size;
    }
    return begin;
  }

  return {
    stage(slot, write, staged) {
      const content = encodeHistogramSample({ ...write, timestampMs: 0 });
      if (content.length > histogramBytesMax) return "too_large";
      const known = chains.get(slot);
      if (known !== undefined && Buffer.compare(known.bytes, content) === 0) {
        refer(staged, known);
        return "staged";
      }
      const bytes = Buffer.concat([Buffer.from([content.length & 0xff, content.length >>> 8]), content]);
      const place = append(slot, bytes);
      if (place === undefined) return "memory_limit";
      Object.assign(chains.get(slot)!, { ...place, bytes: content });
      refer(staged, place);
      return "staged";
    },
    trim(slot, isReferred) {
      const chain = chains.get(slot);
      if (chain === undefined) return;
      while (chain.first !== chain.last && chain.first !== chain.block && !isReferred(chain.first)) {
        const next = views.ints[chain.first * blockInts + blockNext]!;
        arena.release(chain.first);
        chain.first = next;
      }
    },
    clear(slot) {
      let block = chains.get(slot)?.first ?? 0;
      while (block !== 0) {
        const next = views.ints[block * blockInts + blockNext]!;
        arena.release(block);
        block = next;
      }
      chains.delete(slot);
    },
  };
}

function refer(
  staged: StagedSample,
  { block, offset }: { readonly block: number; readonly offset: number },
): void {
  const bits = new Uint32Array(staged.value.buffer, staged.value.byteOffset, 2);
  bits[0] = block;
  bits[1] = referenceHigh | offset;
}

/** The block that a value refers to; 0 when it is no histogram. */
export function referredBlock(values: Float64Array, index: number): number {
  if (values[index] === values[index]) return 0;
  const bits = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  return (bits[1]! & ~offsetMask) >>> 0 === referenceHigh ? bits[0]! : 0;
}

/**
 * The histogram that a value refers to; undefined when it is none. Tolerates memory in reuse by giving undefined as well: what
 * a reader makes of it is then discarded.
 */
export function readHistogram(
  views: HeadViews,
  values: Float64Array,
  index: number,
): NativeHistogram | undefined {
  const block = referredBlock(values, index);
  if (block === 0) return undefined;
  const bits = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  const source = { block, offset: bits[1]! & offsetMask };
  const length = take(views, source, lengthBytes);
  if (length === undefined) return undefined;
  const content = take(views, source, length[0]! | (length[1]! << 8));
  if (content === undefined) return undefined;
  try {
    return decodeHistogramSample(content).histogram;
  } catch {
    return undefined;
  }
}

/** The next bytes of a chain, over the ends of blocks; undefined when they are not there. */
function take(
  views: HeadViews,
  source: { block: number; offset: number },
  count: number,
): Buffer | undefined {
  if (count > histogramBytesMax) return undefined;
  const taken = Buffer.allocUnsafe(count);
  for (let done = 0; done < count;) {
    if (source.offset === blockBodyBytes) {
      source.block = Atomics.load(views.ints, source.block * blockInts + blockNext);
      source.offset = 0;
    }
    const { block, offset } = source;
    if (block >= views.blockCount) views.refresh();
    if (block <= 0 || block >= views.blockCount) return undefined;
    const base = block * blockInts;
    if (views.ints[base + blockFormat] !== formatHistograms) return undefined;
    const size = Math.min(count - done, Atomics.load(views.ints, base + blockLength) - offset);
    if (size <= 0) return undefined;
    const start = block * blockBytes + blockHeadBytes + offset;
    taken.set(views.bytes.subarray(start, start + size), done);
    source.offset += size;
    done += size;
  }
  return taken;
}
