import type { Labels } from "../model/index.ts";

const capacityMin = 1_024;
/** Of the places, so many in a hundred may be taken. */
const fullPercent = 70;
const free = -1;

interface Found {
  readonly slot: number;
  readonly labels: Labels;
}

/**
 * Finds series by their labels. A hash table in flat memory, of slot and hash, that compares with the labels which are there anyway:
 * a text of all labels as the key of a Map would take as much again as the series.
 */
export class SeriesByLabels<Series extends Found> {
  readonly #bySlot: readonly (Series | undefined)[];
  /** Makes it hard to guess which labels meet at one place. */
  readonly #seed = Math.floor(Math.random() * 2 ** 32) | 0;
  #table: Int32Array = new Int32Array(2 * capacityMin).fill(free);
  #size = 0;

  /** `bySlot` has each series at its slot, from before it is added until after it was removed. */
  constructor(bySlot: readonly (Series | undefined)[]) {
    this.#bySlot = bySlot;
  }

  get size(): number {
    return this.#size;
  }

  find(labels: Labels): Series | undefined {
    const table = this.#table;
    const hash = hashOf(labels, this.#seed);
    for (let place = this.#home(hash); table[place] !== free; place = this.#after(place)) {
      if (table[place + 1] !== hash) continue;
      const series = this.#bySlot[table[place]!]!;
      if (areSame(series.labels, labels)) return series;
    }
    return undefined;
  }

  /** One that is not there yet. */
  add({ slot, labels }: Series): void {
    if ((this.#size + 1) * 200 > this.#table.length * fullPercent) this.#grow();
    this.#put(slot, hashOf(labels, this.#seed));
    this.#size += 1;
  }

  remove({ slot, labels }: Series): void {
    const table = this.#table;
    let gap = this.#home(hashOf(labels, this.#seed));
    while (table[gap] !== slot) gap = this.#after(gap);
    this.#size -= 1;
    // Whoever stands behind the gap because its own place was taken moves up.
    for (let place = this.#after(gap); table[place] !== free; place = this.#after(place)) {
      if (this.#distance(this.#home(table[place + 1]!), place) < this.#distance(gap, place)) continue;
      table[gap] = table[place]!;
      table[gap + 1] = table[place + 1]!;
      gap = place;
    }
    table[gap] = free;
  }

  #put(slot: number, hash: number): void {
    const table = this.#table;
    let place = this.#home(hash);
    while (table[place] !== free) place = this.#after(place);
    table[place] = slot;
    table[place + 1] = hash;
  }

  #grow(): void {
    const before = this.#table;
    this.#table = new Int32Array(before.length * 2).fill(free);
    for (let place = 0; place < before.length; place += 2)
      if (before[place] !== free) this.#put(before[place]!, before[place + 1]!);
  }

  #home(hash: number): number {
    return (hash * 2) & (this.#table.length - 1);
  }

  #after(place: number): number {
    return (place + 2) & (this.#table.length - 1);
  }

  #distance(from: number, to: number): number {
    return (to - from) & (this.#table.length - 1);
  }
}

/** FNV-1a over UTF-16, with the finish of MurmurHash3: the table takes the low bits. */
function hashOf(labels: Labels, seed: number): number {
  let hash = seed;
  for (let index = 0; index < labels.length; index += 1) {
    const text = labels[index]!;
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
    // Else ["ab", "c"] and ["a", "bc"] would meet.
    hash = Math.imul(hash ^ 0x1_0000, 0x0100_0193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}

function areSame(left: Labels, right: Labels): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false;
  return true;
}
