import { streams, type Stream } from "../model/index.ts";

/**
 * Where each stream ends on disk, as flat memory for every thread of the process.
 * Can be posted to workers: only `buffer` is shared.
 */
export interface JournalShared {
  readonly buffer: SharedArrayBuffer;
}

/** The synced end of a stream. */
export interface StreamEnd {
  /** Base offset of the segment that is being written. */
  readonly segmentBase: number;
  /** Synced bytes of that segment. */
  readonly byteEnd: number;
  /** Offset that the next record will get. */
  readonly nextOffset: number;
  /** Items and payload bytes of all records ever appended. */
  readonly itemsTotal: number;
  readonly bytesTotal: number;
}

/** One Int32 array per stream: sequence, writer present, then six numbers of two halves each. */
const slotCount = 16;
const sequenceSlot = 0;
const writerSlot = 1;
const valueSlot = 2;
/** Items at the first publication, in the halves behind the five of the end. */
const openedItemsSlot = valueSlot + 10;
/** Behind the streams: whether a thread of the process compresses segments. */
const compressionOffsetBytes = streams.length * slotCount * 4;

/** An empty handle: no stream has an end until its writer has opened it. */
export function createJournalShared(): JournalShared {
  return { buffer: new SharedArrayBuffer(compressionOffsetBytes + 4) };
}

function slotsOf(shared: JournalShared, stream: Stream): Int32Array {
  return new Int32Array(shared.buffer, streams.indexOf(stream) * slotCount * 4, slotCount);
}

/** The writer's side of one stream. */
export interface EndPublisher {
  /** Shows a new end to all threads and wakes those that wait for it. */
  publish(end: StreamEnd): void;
  release(): void;
}

/** Takes the place of the stream's one writer; undefined when it is taken. */
export function claimStream(shared: JournalShared, stream: Stream): EndPublisher | undefined {
  const slots = slotsOf(shared, stream);
  if (Atomics.compareExchange(slots, writerSlot, 0, 1) !== 0) return undefined;
  return {
    publish(end) {
      const isFirst = Atomics.load(slots, sequenceSlot) === 0;
      // Odd while the values change, so that no reader takes a mixture of two ends.
      Atomics.add(slots, sequenceSlot, 1);
      if (isFirst) storeNumber(slots, openedItemsSlot, end.itemsTotal);
      const values = [end.segmentBase, end.byteEnd, end.nextOffset, end.itemsTotal, end.bytesTotal];
      for (const [index, value] of values.entries()) {
        storeNumber(slots, valueSlot + 2 * index, value);
      }
      Atomics.add(slots, sequenceSlot, 1);
      Atomics.notify(slots, sequenceSlot);
    },
    release() {
      Atomics.store(slots, writerSlot, 0);
    },
  };
}

function storeNumber(slots: Int32Array, slot: number, value: number): void {
  Atomics.store(slots, slot, (value % 2 ** 32) | 0);
  Atomics.store(slots, slot + 1, Math.floor(value / 2 ** 32));
}

function loadNumber(slots: Int32Array, slot: number): number {
  return (Atomics.load(slots, slot) >>> 0) + Atomics.load(slots, slot + 1) * 2 ** 32;
}

/** The right to compress, for one thread of the process at a time; gives the way to return it, undefined when it is taken. */
export function claimCompression(shared: JournalShared): (() => void) | undefined {
  const slot = new Int32Array(shared.buffer, compressionOffsetBytes, 1);
  if (Atomics.compareExchange(slot, 0, 0, 1) !== 0) return undefined;
  return () => void Atomics.store(slot, 0, 0);
}

/** What one thread sees of a stream's end. */
export interface EndWatch {
  /** undefined until the writer has opened the stream. */
  end(): StreamEnd | undefined;
  /** `itemsTotal` when the writer opened the stream for the first time in this process; 0 before. */
  openedItems(): number;
  /** Calls back once at the next change (look at `end()` after this, not before); the returned function cancels. */
  onChange(wake: () => void): () => void;
}

/**
 * One watch per thread and stream: a pending Atomics.waitAsync cannot be taken back, so all who wait in a thread
 * share one, and whoever gives up leaves only this list. It does not keep the thread alive.
 */
const watches = new WeakMap<SharedArrayBuffer, Map<Stream, EndWatch>>();

export function watchEnd(shared: JournalShared, stream: Stream): EndWatch {
  let byStream = watches.get(shared.buffer);
  if (byStream === undefined) watches.set(shared.buffer, (byStream = new Map()));
  let watch = byStream.get(stream);
  if (watch === undefined) byStream.set(stream, (watch = createWatch(slotsOf(shared, stream))));
  return watch;
}

function createWatch(slots: Int32Array): EndWatch {
  const waiting = new Set<() => void>();
  let isArmed = false;

  const stableSequence = (): number => {
    for (;;) {
      const sequence = Atomics.load(slots, sequenceSlot);
      if ((sequence & 1) === 0) return sequence;
    }
  };

  const wakeAll = (): void => {
    isArmed = false;
    const woken = [...waiting];
    waiting.clear();
    for (const wake of woken) wake();
  };

  return {
    openedItems: () => loadNumber(slots, openedItemsSlot),
    end() {
      for (;;) {
        const sequence = stableSequence();
        if (sequence === 0) return undefined;
        const value = (index: number): number => loadNumber(slots, valueSlot + 2 * index);
        const end: StreamEnd = {
          segmentBase: value(0),
          byteEnd: value(1),
          nextOffset: value(2),
          itemsTotal: value(3),
          bytesTotal: value(4),
        };
        if (Atomics.load(slots, sequenceSlot) === sequence) return end;
      }
    },
    onChange(wake) {
      waiting.add(wake);
      if (!isArmed) {
        isArmed = true;
        const outcome = Atomics.waitAsync(slots, sequenceSlot, stableSequence());
        if (outcome.async) void outcome.value.then(wakeAll);
        else queueMicrotask(wakeAll);
      }
      return () => void waiting.delete(wake);
    },
  };
}
