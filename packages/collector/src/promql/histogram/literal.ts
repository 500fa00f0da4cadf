import type { CounterResetHint, HistogramBuckets, NativeHistogram } from "../../model/index.ts";
import { parseNumber } from "../literal.ts";

export interface HistogramLiteral {
  readonly kind: "histogram";
  readonly histogram: NativeHistogram;
  /** The counter reset hint was written down. */
  readonly hasHint: boolean;
}

interface Broken {
  readonly kind: "broken";
  readonly message: string;
}

const hints: ReadonlySet<string> = new Set(["unknown", "reset", "not_reset", "gauge"]);
const numberKeys: ReadonlySet<string> = new Set([
  "schema",
  "sum",
  "count",
  "z_bucket",
  "z_bucket_w",
  "offset",
  "n_offset",
]);
const listKeys: ReadonlySet<string> = new Set(["buckets", "n_buckets", "custom_values"]);

const isHint = (text: string): text is CounterResetHint => hints.has(text);

function bucketsFrom(offset: number, counts: readonly number[]): HistogramBuckets {
  return { indexes: counts.map((_count, place) => offset + place), counts };
}

/**
 * A native histogram as tests write it: `{{schema:1 count:4 sum:10 z_bucket:1 offset:-1 buckets:[1 2]}}`,
 * with `n_buckets` and `n_offset` below zero, `custom_values` and `counter_reset_hint`.
 */
export function parseHistogramLiteral(text: string): HistogramLiteral | Broken {
  const numbers = new Map<string, number>();
  const lists = new Map<string, readonly number[]>();
  let hint: CounterResetHint | undefined;
  for (const match of text.slice(2, -2).matchAll(/([a-z_]+):(\[[^\]]*\]|\S+)|\S+/g)) {
    const [whole, key = "", value = ""] = match;
    if (numbers.has(key) || lists.has(key))
      return { kind: "broken", message: `duplicate key "${key}" in histogram` };
    if (key === "counter_reset_hint" && isHint(value)) hint = value;
    else if (numberKeys.has(key)) {
      const number = parseNumber(value);
      if (number === undefined) return { kind: "broken", message: `error parsing ${key} number: ${value}` };
      numbers.set(key, number);
    } else if (listKeys.has(key)) {
      const list = value
        .replace(/^\[|\]$/g, "")
        .split(/\s+/)
        .filter((item) => item !== "")
        .map(parseNumber);
      if (list.includes(undefined))
        return { kind: "broken", message: `error parsing ${key} float array: ${value}` };
      lists.set(key, list as readonly number[]);
    } else return { kind: "broken", message: `bad histogram descriptor found: ${JSON.stringify(whole)}` };
  }
  const number = (key: string): number => numbers.get(key) ?? 0;
  const histogram: NativeHistogram = {
    counterResetHint: hint ?? "unknown",
    schema: number("schema"),
    zeroThreshold: number("z_bucket_w"),
    zeroCount: number("z_bucket"),
    count: number("count"),
    sum: number("sum"),
    positive: bucketsFrom(number("offset"), lists.get("buckets") ?? []),
    negative: bucketsFrom(number("n_offset"), lists.get("n_buckets") ?? []),
    customValues: lists.get("custom_values") ?? [],
  };
  return { kind: "histogram", histogram, hasHint: hint !== undefined };
}
