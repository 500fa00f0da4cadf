/** What is known about byte ranges that come again and again, found without making a string of them. */
export interface BytesCache<T> {
  /** What `find` gave for these bytes, now or earlier. */
  get(bytes: Uint8Array, start: number, end: number): T;
}

interface Entry<T> {
  readonly bytes: Uint8Array;
  readonly hash: number;
  readonly value: T;
}

export interface BytesCacheSettings<T> {
  /** When so many are known all are forgotten: ids that never come again must not stay. */
  readonly entriesMax: number;
  /** Longer ones are not kept. */
  readonly lengthMax: number;
  readonly find: (bytes: Uint8Array, start: number, end: number) => T;
}

/** A sender that makes its keys collide on purpose gets them looked at anew each time, and holds up nobody. */
const probesMax = 16;

export function createBytesCache<T>({ entriesMax, lengthMax, find }: BytesCacheSettings<T>): BytesCache<T> {
  /** Open addressing with linear probing, at most half full. */
  let table: (Entry<T> | undefined)[] = emptyTable(32);
  let size = 0;

  function add(entry: Entry<T>): void {
    if (size >= entriesMax) {
      table = emptyTable(32);
      size = 0;
    } else if (size * 2 >= table.length) {
      const before = table;
      table = emptyTable(before.length * 2);
      size = 0;
      for (const known of before) if (known !== undefined) place(known);
    }
    place(entry);
  }

  function place(entry: Entry<T>): void {
    const mask = table.length - 1;
    for (let probe = 0; probe < probesMax; probe += 1) {
      const at = (entry.hash + probe) & mask;
      if (table[at] !== undefined) continue;
      table[at] = entry;
      size += 1;
      return;
    }
  }

  return {
    get(bytes, start, end) {
      if (end - start > lengthMax) return find(bytes, start, end);
      const hash = hashBytes(bytes, start, end);
      const mask = table.length - 1;
      for (let probe = 0; probe < probesMax; probe += 1) {
        const entry = table[(hash + probe) & mask];
        if (entry === undefined) break;
        if (entry.hash === hash && isSame(entry.bytes, bytes, start, end)) return entry.value;
      }
      const value = find(bytes, start, end);
      add({ bytes: Uint8Array.from(bytes.subarray(start, end)), hash, value });
      return value;
    },
  };
}

function emptyTable<T>(length: number): (Entry<T> | undefined)[] {
  return Array.from({ length }, () => undefined);
}

/** FNV-1a, with its high bits stirred into the low ones that choose the place. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash ^ (hash >>> 15);
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let at = 0; at < known.length; at += 1) if (known[at] !== bytes[start + at]) return false;
  return true;
}
