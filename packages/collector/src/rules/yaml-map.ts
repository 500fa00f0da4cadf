import { isAlias, isMap, isScalar, isSeq, type Document, type Node, type Scalar } from "yaml";
import { nearest } from "../model/index.ts";
import { parseDurationMs } from "../promql/index.ts";
import { offsetOf, type ProblemList } from "./yaml-place.ts";

export interface Entry {
  readonly key: Node;
  readonly value: Node | null;
}

/** Reads the nodes of a document strictly: what has the wrong shape becomes a problem and reads as absent. */
export interface YamlReader {
  /** Entries by key. `known` undefined: any key. Merge keys (`<<`) and anchors are followed. */
  map(node: Node | null, context: string, known?: readonly string[]): ReadonlyMap<string, Entry> | undefined;
  sequence(node: Node | null, context: string): readonly Node[];
  /** Any scalar as it is written; "" for null. */
  text(entry: Entry | undefined, context: string): string;
  durationMs(entry: Entry | undefined, context: string): number | undefined;
  integer(entry: Entry | undefined, context: string): number | undefined;
}

// An anchor may hold an alias of itself.
const mergeDepthMax = 10;

/** A reader of one document. */
export function createYamlReader(document: Document.Parsed, problems: ProblemList): YamlReader {
  const resolve = (node: unknown): Node | null =>
    isAlias(node) ? (node.resolve(document) ?? null) : ((node ?? null) as Node | null);
  const isNull = (node: Node | null) => node === null || (isScalar(node) && node.value === null);

  function textOf(scalar: Scalar): string {
    if (scalar.value === null || scalar.value === undefined) return "";
    if (typeof scalar.value === "string") return scalar.value;
    // As written, so that `on` or `1.0` stay what they were.
    return scalar.source ?? JSON.stringify(scalar.value);
  }

  function map(
    given: Node | null,
    context: string,
    known?: readonly string[],
    depth = 0,
  ): ReadonlyMap<string, Entry> | undefined {
    const node = resolve(given);
    if (depth > mergeDepthMax) {
      problems.add(offsetOf(given), `${context}: merge keys are nested deeper than ${mergeDepthMax}`);
      return undefined;
    }
    if (isNull(node)) return undefined;
    if (!isMap(node)) {
      problems.add(offsetOf(given), `${context} should be a mapping of keys to values`);
      return undefined;
    }
    const entries = new Map<string, Entry>();
    const merged: Node[] = [];
    for (const pair of node.items) {
      const key = resolve(pair.key);
      const value = (pair.value ?? null) as Node | null;
      if (!isScalar(key)) {
        problems.add(offsetOf(pair.key as Node), `${context}: a key should be a plain text`);
        continue;
      }
      const name = textOf(key);
      if (name === "<<") {
        const source = resolve(value);
        merged.push(...(isSeq(source) ? (source.items as Node[]) : source === null ? [] : [source]));
        continue;
      }
      if (known !== undefined && !known.includes(name)) {
        const near = nearest(name, known);
        const hint = near === undefined ? `known here: ${known.join(", ")}` : `did you mean ${near}?`;
        problems.add(offsetOf(pair.key as Node), `${context}: unknown key ${JSON.stringify(name)}; ${hint}`);
        continue;
      }
      entries.set(name, { key: pair.key as Node, value });
    }
    for (const source of merged) {
      for (const [name, entry] of map(source, context, known, depth + 1) ?? []) {
        if (!entries.has(name)) entries.set(name, entry);
      }
    }
    return entries;
  }

  function text(entry: Entry | undefined, context: string): string {
    if (entry === undefined) return "";
    const node = resolve(entry.value);
    if (isNull(node)) return "";
    if (isScalar(node)) return textOf(node);
    problems.add(offsetOf(entry.value ?? entry.key), `${context} should be a text`);
    return "";
  }

  return {
    map: (node, context, known) => map(node, context, known),
    text,
    sequence(given, context) {
      const node = resolve(given);
      if (isNull(node)) return [];
      if (isSeq(node)) return node.items as Node[];
      problems.add(offsetOf(given), `${context} should be a list`);
      return [];
    },
    durationMs(entry, context) {
      const written = text(entry, context);
      if (entry === undefined || written === "") return undefined;
      const durationMs = parseDurationMs(written);
      if (typeof durationMs === "number") return durationMs;
      const mend = "write a number with a unit, such as 30s, 5m or 1h30m";
      problems.add(offsetOf(entry.value), `${context}: ${durationMs.message}; ${mend}`);
      return undefined;
    },
    integer(entry, context) {
      const written = text(entry, context);
      if (entry === undefined || written === "") return undefined;
      if (/^[+-]?\d+$/.test(written)) return Number(written);
      problems.add(offsetOf(entry.value), `${context}: ${JSON.stringify(written)} is no whole number`);
      return undefined;
    },
  };
}
