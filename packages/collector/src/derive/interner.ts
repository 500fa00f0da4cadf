/** Gives small numbers to byte ranges, so that what is counted per span is found without making a string. */
export interface Interner {
  /** The number of these bytes, noting that they were seen at `nowMs`; -1 when `entriesMax` are in use. */
  intern(bytes: Uint8Array, start: number, end: number, nowMs: number): number;
  /** The bytes as UTF-8 text, decoded once. */
  text(id: number): string;
  /** Forgets what was last seen before `cutoffMs`; their numbers are given out again. Whoever keeps numbers must have let go by then. */
  sweep(cutoffMs: number): void;
  readonly size: number;
  snapshot(): InternerState;
  /** Takes up a snapshot into an empty interner: every text gets the number it had. */
  restore(state: InternerState): void;
}

export interface InternerState {
  readonly ids: readonly number[];
  readonly texts: readonly string[];
  readonly seenMs: Float64Array;
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly hash: number;
  text: string | undefined;
}

export function createInterner({ entriesMax }: { readonly entriesMax: number }): Interner {
  let entries: (Entry | undefined)[] = [];
  let seenMs = new Float64Array(64);
  let free: number[] = [];
  let size = 0;
  /** Open addressing with linear probing; an element is a number + 1, 0 is empty. At most half full. */
  let table = new Int32Array(128);

  function place(id: number, hash: number): void {
    const mask = table.length - 1;
    let at = hash & mask;
    while (table[at] !== 0) at = (at + 1) & mask;
    table[at] = id + 1;
  }

  function rehash(length: number): void {
    table = new Int32Array(length);
    for (const [id, entry] of entries.entries()) if (entry !== undefined) place(id, entry.hash);
  }

  function add(bytes: Uint8Array, hash: number): number {
    if (size >= entriesMax) return -1;
    const id = free.pop() ?? entries.length;
    entries[id] = { bytes, hash, text: undefined };
    if (id >= seenMs.length) {
      const grown = new Float64Array(seenMs.length * 2);
      grown.set(seenMs);
      seenMs = grown;
    }
    size += 1;
    if (size * 2 > table.length) rehash(table.length * 2);
    else place(id, hash);
    return id;
  }

  return {
    get size() {
      return size;
    },
    intern(bytes, start, end, nowMs) {
      const hash = hashBytes(bytes, start, end);
      const mask = table.length - 1;
      for (let at = hash & mask; ; at = (at + 1) & mask) {
        const id = table[at]! - 1;
        if (id < 0) break;
        const entry = entries[id]!;
        if (entry.hash === hash && isSame(entry.bytes, bytes, start, end)) {
          seenMs[id] = nowMs;
          return id;
        }
      }
      // Not `slice`: the bytes are mostly a Buffer, whose `slice` is a view of a block that is read into again.
      const id = add(Uint8Array.from(bytes.subarray(start, end)), hash);
      if (id >= 0) seenMs[id] = nowMs;
      return id;
    },
    text(id) {
      const entry = entries[id]!;
      entry.text ??= Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.length).toString(
        "utf8",
      );
      return entry.text;
    },
    sweep(cutoffMs) {
      const before = size;
      for (const [id, entry] of entries.entries()) {
        if (entry === undefined || seenMs[id]! >= cutoffMs) continue;
        entries[id] = undefined;
        free.push(id);
        size -= 1;
      }
      if (size < before) rehash(table.length);
    },
    snapshot() {
      const ids = [...entries.keys()].filter((id) => entries[id] !== undefined);
      return {
        ids,
        texts: ids.map((id) => this.text(id)),
        seenMs: Float64Array.from(ids, (id) => seenMs[id]!),
      };
    },
    restore(state) {
      const idEnd = state.ids.reduce((end, id) => Math.max(end, id + 1), 0);
      entries = new Array<Entry | undefined>(idEnd).fill(undefined);
      seenMs = new Float64Array(Math.max(64, 2 ** Math.ceil(Math.log2(idEnd + 1))));
      for (const [at, id] of state.ids.entries()) {
        const bytes = new Uint8Array(Buffer.from(state.texts[at]!));
        entries[id] = { bytes, hash: hashBytes(bytes, 0, bytes.length), text: state.texts[at]! };
        seenMs[id] = state.seenMs[at]!;
      }
      size = state.ids.length;
      free = [...entries.keys()].filter((id) => entries[id] === undefined);
      rehash(Math.max(128, 2 ** Math.ceil(Math.log2(size * 2 + 1))));
    },
  };
}

/** FNV-1a over the bytes, with a last stir so that its low bits are good enough for a table. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return stir(hash);
}

/** Spreads the bits of a 32-bit number (the finaliser of MurmurHash3, public domain). */
export function stir(number: number): number {
  let hash = number;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let at = 0; at < known.length; at += 1) if (known[at] !== bytes[start + at]) return false;
  return true;
}
