import { compileMatcher, type Labels, type Matcher } from "../model/index.ts";

export interface CatalogueSeries {
  readonly slot: number;
  readonly generation: number;
  readonly labels: Labels;
}

/**
 * The inverted index of one thread. A series gets the next ordinal when it is added, so every posting list is
 * ascending by construction; one that has left keeps its ordinal, marked dead, until the index is built anew.
 */
export interface SeriesIndex {
  add(series: CatalogueSeries): void;
  remove(slot: number, generation: number): void;
  /** Living series that match all, ascending by age. A label that a series lacks has the value "". */
  match(matchers: readonly Matcher[]): CatalogueSeries[];
}

/** Ordinals, ascending. */
type Postings = number[];

/** Dead ordinals are cheap to skip; building anew pays only when there are many. */
const rebuildDeadMin = 1_000;

export function createSeriesIndex(): SeriesIndex {
  let byOrdinal: (CatalogueSeries | undefined)[] = [];
  let ordinalOfSlot: number[] = [];
  let postings = new Map<string, Map<string, Postings>>();
  let dead = 0;

  function add(series: CatalogueSeries): void {
    const ordinal = byOrdinal.length;
    byOrdinal.push(series);
    ordinalOfSlot[series.slot] = ordinal;
    const { labels } = series;
    for (let at = 0; at < labels.length; at += 2) {
      const byValue = getOrAdd(postings, labels[at]!, () => new Map<string, Postings>());
      getOrAdd(byValue, labels[at + 1]!, () => []).push(ordinal);
    }
  }

  function rebuild(): void {
    const living = byOrdinal.filter((series) => series !== undefined);
    byOrdinal = [];
    ordinalOfSlot = [];
    postings = new Map();
    dead = 0;
    for (const series of living) add(series);
  }

  /** Ordinals that a matcher keeps, or, when it also accepts series without the label, those that it drops. */
  function resolve(matcher: Matcher): { readonly keep: Postings } | { readonly drop: Postings } {
    const byValue = postings.get(matcher.name);
    if (matcher.operator === "=" && matcher.value !== "") return { keep: byValue?.get(matcher.value) ?? [] };
    const accepts = compileMatcher(matcher);
    const acceptsMissing = accepts("");
    const lists: Postings[] = [];
    for (const [value, list] of byValue ?? []) if (accepts(value) !== acceptsMissing) lists.push(list);
    const union = unite(lists);
    return acceptsMissing ? { drop: union } : { keep: union };
  }

  return {
    add,
    remove(slot, generation) {
      const ordinal = ordinalOfSlot[slot];
      if (ordinal === undefined || byOrdinal[ordinal]?.generation !== generation) return;
      byOrdinal[ordinal] = undefined;
      dead += 1;
      if (dead > rebuildDeadMin && dead * 2 > byOrdinal.length) rebuild();
    },
    match(matchers) {
      const resolved = matchers.map(resolve);
      const keeps = resolved.flatMap((each) => ("keep" in each ? [each.keep] : []));
      const drops = resolved.flatMap((each) => ("drop" in each ? [each.drop] : []));
      keeps.sort((a, b) => a.length - b.length);
      let ordinals = keeps[0] ?? byOrdinal.map((_, ordinal) => ordinal);
      for (const list of keeps.slice(1)) ordinals = intersect(ordinals, list);
      for (const list of drops) ordinals = subtract(ordinals, list);
      const found: CatalogueSeries[] = [];
      for (const ordinal of ordinals) {
        const series = byOrdinal[ordinal];
        if (series !== undefined) found.push(series);
      }
      return found;
    },
  };
}

function getOrAdd<V>(map: Map<string, V>, key: string, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

/** The lists belong to one label name, so no ordinal stands in two of them. */
function unite(lists: readonly Postings[]): Postings {
  if (lists.length <= 1) return lists[0] ?? [];
  let size = 0;
  for (const list of lists) size += list.length;
  const union = new Uint32Array(size);
  let at = 0;
  let isAscending = true;
  // A label of its own for each series gives lists of one, which often come in order already.
  for (const list of lists) {
    isAscending &&= at === 0 || union[at - 1]! < list[0]!;
    for (const ordinal of list) {
      union[at] = ordinal;
      at += 1;
    }
  }
  return Array.from(isAscending ? union : union.sort());
}

/** Position of the first element at or after `wanted`, looked for in growing steps from `from`. */
function advance(list: Postings, from: number, wanted: number): number {
  let step = 1;
  let low = from;
  let high = from;
  while (high < list.length && list[high]! < wanted) {
    low = high + 1;
    high += step;
    step *= 2;
  }
  high = Math.min(high, list.length);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function intersect(few: Postings, many: Postings): Postings {
  const both: Postings = [];
  let at = 0;
  for (const ordinal of few) {
    at = advance(many, at, ordinal);
    if (at === many.length) break;
    if (many[at] === ordinal) both.push(ordinal);
  }
  return both;
}

function subtract(from: Postings, dropped: Postings): Postings {
  const rest: Postings = [];
  let at = 0;
  for (const ordinal of from) {
    at = advance(dropped, at, ordinal);
    if (dropped[at] !== ordinal) rest.push(ordinal);
  }
  return rest;
}
