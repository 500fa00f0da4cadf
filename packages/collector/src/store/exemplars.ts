import type { Exemplar } from "../model/index.ts";
import type { Arena } from "./arena.ts";
import { ByteSource, writeBytes, writeVarint, type ByteSink } from "./bytes.ts";
import {
  blockBodyBytes,
  blockBytes,
  blockHeadBytes,
  blockInts,
  blockLength,
  blockNext,
  formatExemplars,
  slotFirstExemplarBlock,
  slotInts,
  slotLastExemplarBlock,
  type HeadViews,
} from "./layout.ts";
import { changeGuarded } from "./seqlock.ts";

/** A series keeps its newest exemplars in at most six blocks: 26 to 30 of them when they name a trace and a span. */
const blocksPerSeriesMax = 6;
const stampBytes = 16;
/** OpenMetrics allows 128 characters; three bytes each, as most scripts take, and the lengths. An exemplar fits into a block. */
const labelBytesMax = blockBodyBytes - stampBytes - 8;

export type ExemplarOutcome = "stored" | "exemplar_out_of_order" | "exemplar_too_large" | "memory_limit";

/** Writes the exemplar chains of all slots; only the writer has one. */
export interface ExemplarWriter {
  /** Appends an exemplar that is newer than the slot's last one; drops the oldest block when there are too many. */
  write(slot: number, exemplar: Exemplar): ExemplarOutcome;
  /** Gives back every block; the caller holds the slot's version odd. */
  clear(slot: number): void;
}

export function createExemplarWriter(views: HeadViews, arena: Arena): ExemplarWriter {
  const scratch: ByteSink = { bytes: new Uint8Array(blockBodyBytes + 64), offset: 0 };
  const scratchView = new DataView(scratch.bytes.buffer);
  /** By slot; there is none before the first exemplar. */
  const lastMsOf: number[] = [];
  const field = (slot: number, index: number) => views.slots[slot * slotInts + index]!;
  const setField = (slot: number, index: number, value: number) =>
    Atomics.store(views.slots, slot * slotInts + index, value);

  function encode({ labels, value, timestampMs }: Exemplar): boolean {
    const texts = labels.map((text) => Buffer.from(text));
    if (texts.reduce((sum, text) => sum + text.length + 2, 0) > labelBytesMax) return false;
    scratchView.setFloat64(0, timestampMs, true);
    scratchView.setFloat64(8, value, true);
    scratch.offset = stampBytes;
    writeVarint(scratch, texts.length);
    for (const text of texts) writeBytes(scratch, text);
    return true;
  }

  function room(slot: number, sizeBytes: number): number {
    const last = field(slot, slotLastExemplarBlock);
    if (last !== 0 && views.ints[last * blockInts + blockLength]! + sizeBytes <= blockBodyBytes) return last;
    const block = arena.allocate(formatExemplars);
    if (block === 0) return 0;
    if (last === 0) setField(slot, slotFirstExemplarBlock, block);
    else Atomics.store(views.ints, last * blockInts + blockNext, block);
    setField(slot, slotLastExemplarBlock, block);
    dropOldest(slot);
    return block;
  }

  function dropOldest(slot: number): void {
    const first = field(slot, slotFirstExemplarBlock);
    let blocks = 0;
    for (let block = first; block !== 0; block = views.ints[block * blockInts + blockNext]!) blocks += 1;
    if (blocks <= blocksPerSeriesMax) return;
    const second = views.ints[first * blockInts + blockNext]!;
    changeGuarded(views, slot, () => setField(slot, slotFirstExemplarBlock, second));
    arena.release(first);
  }

  return {
    write(slot, exemplar) {
      if (exemplar.timestampMs <= (lastMsOf[slot] ?? -Infinity)) return "exemplar_out_of_order";
      if (!encode(exemplar)) return "exemplar_too_large";
      const sizeBytes = scratch.offset + 2;
      const block = room(slot, sizeBytes);
      if (block === 0) return "memory_limit";
      const lengthAt = block * blockInts + blockLength;
      const used = views.ints[lengthAt]!;
      const at = block * blockBytes + blockHeadBytes + used;
      views.bytes[at] = scratch.offset & 0xff;
      views.bytes[at + 1] = scratch.offset >>> 8;
      views.bytes.set(scratch.bytes.subarray(0, scratch.offset), at + 2);
      Atomics.store(views.ints, lengthAt, used + sizeBytes);
      lastMsOf[slot] = exemplar.timestampMs;
      return "stored";
    },
    clear(slot) {
      let block = field(slot, slotFirstExemplarBlock);
      while (block !== 0) {
        const next = views.ints[block * blockInts + blockNext]!;
        arena.release(block);
        block = next;
      }
      setField(slot, slotFirstExemplarBlock, 0);
      setField(slot, slotLastExemplarBlock, 0);
      lastMsOf[slot] = -Infinity;
    },
  };
}

/** The exemplars of one block that lie inside the range. Tolerates a block in reuse: what it gives is then discarded. */
export function readExemplars(
  views: HeadViews,
  block: number,
  range: { readonly startMs: number; readonly endMs: number },
): Exemplar[] {
  const start = block * blockBytes + blockHeadBytes;
  const used = Atomics.load(views.ints, block * blockInts + blockLength);
  const end = start + Math.min(Math.max(used, 0), blockBodyBytes);
  const view = new DataView(views.bytes.buffer, 0, views.bytes.byteLength);
  const found: Exemplar[] = [];
  for (let at = start; at + 2 + stampBytes <= end;) {
    const sizeBytes = views.bytes[at]! | (views.bytes[at + 1]! << 8);
    const timestampMs = view.getFloat64(at + 2, true);
    const value = view.getFloat64(at + 10, true);
    if (timestampMs >= range.startMs && timestampMs <= range.endMs) {
      const source = new ByteSource(views.bytes, at + 2 + stampBytes, Math.min(end, at + 2 + sizeBytes));
      const labels: string[] = [];
      for (let left = source.varint(); left > 0 && !source.isDone; left -= 1) labels.push(source.text());
      found.push({ labels, value, timestampMs });
    }
    at += 2 + sizeBytes;
  }
  return found;
}
