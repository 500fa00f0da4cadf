import { stir } from "./interner.ts";

/** What the RED series of one kind of span have in common, as small numbers. */
export interface SpanKey {
  readonly service: number;
  readonly name: number;
  readonly kind: number;
  readonly status: number;
}

/** Gives dense numbers to combinations of service, span name, kind and status; numbers of removed keys are used again. */
export interface SpanKeys {
  /** -1 when the key is unknown. */
  find(service: number, name: number, kind: number, status: number): number;
  add(key: SpanKey): number;
  key(id: number): SpanKey | undefined;
  /** Forgets keys; one call for many, as the table is built anew. */
  remove(ids: readonly number[]): void;
  /** One more than the greatest number in use or free. */
  readonly idEnd: number;
}

export function createSpanKeys(): SpanKeys {
  const keys: (SpanKey | undefined)[] = [];
  const free: number[] = [];
  let size = 0;
  /** Per key: service, name, kind and status packed into one number. */
  let services = new Int32Array(64);
  let rest = new Int32Array(64);
  /** Open addressing with linear probing; an element is a number + 1, 0 is empty. At most half full. */
  let table = new Int32Array(128);

  // Kind and status come from the wire as any number; the caller has brought them into 3 and 2 bits.
  const pack = (name: number, kind: number, status: number) => (name << 5) | (kind << 2) | status;
  const hash = (service: number, packed: number) => stir(Math.imul(service, 0x9e3779b1) ^ packed);

  function place(id: number): void {
    const mask = table.length - 1;
    let at = hash(services[id]!, rest[id]!) & mask;
    while (table[at] !== 0) at = (at + 1) & mask;
    table[at] = id + 1;
  }

  function rehash(length: number): void {
    table = new Int32Array(length);
    for (const id of keys.keys()) if (keys[id] !== undefined) place(id);
  }

  return {
    get idEnd() {
      return keys.length;
    },
    key: (id) => keys[id],
    find(service, name, kind, status) {
      const packed = pack(name, kind, status);
      const mask = table.length - 1;
      for (let at = hash(service, packed) & mask; ; at = (at + 1) & mask) {
        const id = table[at]! - 1;
        if (id < 0 || (services[id] === service && rest[id] === packed)) return id;
      }
    },
    add(key) {
      const id = free.pop() ?? keys.length;
      keys[id] = key;
      if (id >= services.length) {
        services = grown(services);
        rest = grown(rest);
      }
      services[id] = key.service;
      rest[id] = pack(key.name, key.kind, key.status);
      size += 1;
      if (size * 2 > table.length) rehash(table.length * 2);
      else place(id);
      return id;
    },
    remove(ids) {
      for (const id of ids) {
        keys[id] = undefined;
        free.push(id);
      }
      size -= ids.length;
      if (ids.length > 0) rehash(table.length);
    },
  };
}

function grown(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
