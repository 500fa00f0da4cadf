import { stir } from "./interner.ts";

/** One side of a request, waiting for the other. */
export interface Half {
  readonly isServer: boolean;
  readonly service: number;
  readonly durationMs: number;
  readonly isFailed: boolean;
  readonly count: number;
}

/** The span that both sides know: the client's own, the server's parent. */
export interface PairKey {
  readonly bytes: Uint8Array;
  /** 16 bytes. */
  readonly traceIdStart: number;
  /** 8 bytes. */
  readonly spanIdStart: number;
}

/** Finds the two spans of one request in whatever order they come; bounded in number and time. */
export interface SpanPairs {
  /** The waiting other side, taken out; or undefined, and this half waits from `recordMs` on. */
  match(key: PairKey, half: Half, recordMs: number): Half | undefined;
  /** Lets go of what has waited since before `cutoffMs`. */
  expire(cutoffMs: number): void;
  snapshot(): SpanPairsState;
  restore(state: SpanPairsState): void;
}

export interface SpanPairsState {
  readonly keys: Uint8Array;
  /** Five numbers a half: time, service, duration, count, flags. */
  readonly numbers: Float64Array;
}

const keyBytes = 24;
const numbersPerHalf = 5;
const flagWaiting = 1;
const flagServer = 2;
const flagFailed = 4;

/**
 * Slots form a ring in order of arrival, so the oldest is always known; a hash table with chains finds them by key.
 * When the ring is full the oldest goes, which `dropped` is told of.
 */
export function createSpanPairs({
  slotsMax,
  dropped,
}: {
  readonly slotsMax: number;
  readonly dropped: (reason: "expired" | "evicted") => void;
}): SpanPairs {
  const keys = new Uint8Array(slotsMax * keyBytes);
  const numbers = new Float64Array(slotsMax * numbersPerHalf);
  const heads = new Int32Array(2 ** Math.ceil(Math.log2(slotsMax * 2))).fill(-1);
  const next = new Int32Array(slotsMax);
  /** Both count up for ever; a slot is the remainder. */
  let oldest = 0;
  let end = 0;

  function bucketOf(bytes: Uint8Array, spanIdStart: number): number {
    // Span ids are random; eight bytes of them are hash enough, but not everybody's are.
    let hash = 0;
    for (let at = 0; at < 8; at += 1) hash = Math.imul(hash, 31) + bytes[spanIdStart + at]!;
    return stir(hash) & (heads.length - 1);
  }

  function isSame(slot: number, key: PairKey): boolean {
    const at = slot * keyBytes;
    for (let index = 0; index < 8; index += 1) {
      if (keys[at + 16 + index] !== key.bytes[key.spanIdStart + index]) return false;
    }
    for (let index = 0; index < 16; index += 1) {
      if (keys[at + index] !== key.bytes[key.traceIdStart + index]) return false;
    }
    return true;
  }

  const flagsAt = (slot: number) => slot * numbersPerHalf + 4;

  function unlink(slot: number, bucket: number): void {
    if (heads[bucket] === slot) heads[bucket] = next[slot]!;
    else {
      let before = heads[bucket]!;
      while (next[before] !== slot) before = next[before]!;
      next[before] = next[slot]!;
    }
    numbers[flagsAt(slot)] = 0;
  }

  /** Takes the oldest slot out of the ring. */
  function shift(reason: "expired" | "evicted"): void {
    const slot = oldest % slotsMax;
    if ((numbers[flagsAt(slot)]! & flagWaiting) !== 0) {
      unlink(slot, bucketOf(keys, slot * keyBytes + 16));
      dropped(reason);
    }
    oldest += 1;
  }

  function push(key: PairKey, half: Half, recordMs: number, bucket: number): void {
    if (end - oldest === slotsMax) shift("evicted");
    const slot = end % slotsMax;
    end += 1;
    for (let index = 0; index < 16; index += 1)
      keys[slot * keyBytes + index] = key.bytes[key.traceIdStart + index]!;
    for (let index = 0; index < 8; index += 1)
      keys[slot * keyBytes + 16 + index] = key.bytes[key.spanIdStart + index]!;
    const at = slot * numbersPerHalf;
    numbers[at] = recordMs;
    numbers[at + 1] = half.service;
    numbers[at + 2] = half.durationMs;
    numbers[at + 3] = half.count;
    numbers[at + 4] = flagWaiting | (half.isServer ? flagServer : 0) | (half.isFailed ? flagFailed : 0);
    next[slot] = heads[bucket]!;
    heads[bucket] = slot;
  }

  function halfAt(slot: number): Half {
    const at = slot * numbersPerHalf;
    const flags = numbers[at + 4]!;
    return {
      isServer: (flags & flagServer) !== 0,
      isFailed: (flags & flagFailed) !== 0,
      service: numbers[at + 1]!,
      durationMs: numbers[at + 2]!,
      count: numbers[at + 3]!,
    };
  }

  return {
    match(key, half, recordMs) {
      const bucket = bucketOf(key.bytes, key.spanIdStart);
      for (let slot = heads[bucket]!; slot >= 0; slot = next[slot]!) {
        const isOther = ((numbers[flagsAt(slot)]! & flagServer) !== 0) !== half.isServer;
        if (!isOther || !isSame(slot, key)) continue;
        const other = halfAt(slot);
        unlink(slot, bucket);
        return other;
      }
      push(key, half, recordMs, bucket);
      return undefined;
    },
    expire(cutoffMs) {
      while (oldest < end) {
        const slot = oldest % slotsMax;
        const isWaiting = (numbers[flagsAt(slot)]! & flagWaiting) !== 0;
        if (isWaiting && numbers[slot * numbersPerHalf]! >= cutoffMs) return;
        shift("expired");
      }
    },
    snapshot() {
      const waiting: number[] = [];
      for (let at = oldest; at < end; at += 1) {
        if ((numbers[flagsAt(at % slotsMax)]! & flagWaiting) !== 0) waiting.push(at % slotsMax);
      }
      const state = {
        keys: new Uint8Array(waiting.length * keyBytes),
        numbers: new Float64Array(waiting.length * numbersPerHalf),
      };
      for (const [at, slot] of waiting.entries()) {
        state.keys.set(keys.subarray(slot * keyBytes, (slot + 1) * keyBytes), at * keyBytes);
        state.numbers.set(
          numbers.subarray(slot * numbersPerHalf, (slot + 1) * numbersPerHalf),
          at * numbersPerHalf,
        );
      }
      return state;
    },
    restore(state) {
      for (let at = 0; at < state.keys.length / keyBytes; at += 1) {
        const start = at * keyBytes;
        const key = { bytes: state.keys, traceIdStart: start, spanIdStart: start + 16 };
        const [recordMs, service, durationMs, count, flags] = state.numbers.subarray(at * numbersPerHalf);
        const half: Half = {
          isServer: (flags! & flagServer) !== 0,
          isFailed: (flags! & flagFailed) !== 0,
          service: service!,
          durationMs: durationMs!,
          count: count!,
        };
        push(key, half, recordMs!, bucketOf(state.keys, start + 16));
      }
    },
  };
}
