import { formatFloat } from "./float.ts";

/** Go's map with string keys. `isOpen` marks map[string]interface {}, whose missing entries print as "<no value>". */
export interface MapValue {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Value>;
  readonly isOpen: boolean;
}

/** One element of a query's result. */
export interface SampleValue {
  readonly kind: "sample";
  readonly labels: MapValue;
  readonly value: number;
}

export interface ListValue {
  readonly kind: "list";
  readonly items: readonly SampleValue[];
}

/** The data that a template starts with: `.Labels`, `.ExternalLabels`, `.ExternalURL`, `.Value`. */
export interface StructValue {
  readonly kind: "struct";
  readonly fields: ReadonlyMap<string, Value>;
}

/** A time.Time in UTC. */
export interface TimeValue {
  readonly kind: "time";
  readonly unixMs: number;
}

/** A time.Duration. */
export interface DurationValue {
  readonly kind: "duration";
  readonly nanoseconds: bigint;
}

/** A value in a template: an int is a bigint, a float64 a number, nil is null; undefined is "no value at all". */
export type Value =
  | undefined
  | null
  | boolean
  | bigint
  | number
  | string
  | MapValue
  | SampleValue
  | ListValue
  | StructValue
  | TimeValue
  | DurationValue;

/** A map of strings from a record. */
export function mapOf(record: Readonly<Record<string, string>>): MapValue {
  return { kind: "map", entries: new Map(Object.entries(record)), isOpen: false };
}

/** Whether the value is nil or no value at all. */
export function isNothing(value: Value): value is undefined | null {
  return value === undefined || value === null;
}

/** The name of the value's type in Go. */
export function typeName(value: Value): string {
  if (isNothing(value)) return "<nil>";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float64";
  if (typeof value === "string") return "string";
  switch (value.kind) {
    case "map":
      return value.isOpen ? "map[string]interface {}" : "map[string]string";
    case "sample":
      return "*template.sample";
    case "list":
      return "template.queryResult";
    case "struct":
      return "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }";
    case "time":
      return "*time.Time";
    case "duration":
      return "*time.Duration";
  }
}

/** What `if`, `with`, `and`, `or` and `not` make of a value. */
export function isTrue(value: Value): boolean {
  if (isNothing(value)) return false;
  if (typeof value === "boolean") return value;
  if (typeof value === "bigint") return value !== 0n;
  if (typeof value === "number") return value !== 0;
  if (typeof value === "string") return value !== "";
  switch (value.kind) {
    case "map":
      return value.entries.size > 0;
    case "list":
      return value.items.length > 0;
    case "sample":
    case "struct":
    case "time":
    case "duration":
      return true;
  }
}

/** Keys in the order in which Go prints and ranges over maps: by bytes. */
export function sortedKeys(map: MapValue): string[] {
  return [...map.entries.keys()].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}

/** The value as fmt.Sprint prints it. */
export function print(value: Value): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (typeof value === "number") return formatFloat(value, "g", -1);
  if (typeof value !== "object") return String(value);
  switch (value.kind) {
    case "map":
      return `map[${sortedKeys(value)
        .map((key) => `${key}:${printInner(value.entries.get(key))}`)
        .join(" ")}]`;
    case "sample":
      return `{${print(value.labels)} ${print(value.value)}}`;
    case "list":
      return `[${value.items.map(print).join(" ")}]`;
    case "struct":
      return `{${[...value.fields.values()].map(printInner).join(" ")}}`;
    case "time":
      return printTime(value);
    case "duration":
      return printDuration(value);
  }
}

const printInner = (value: Value) => (value === undefined ? "<nil>" : print(value));

/** As time.Time prints itself: "2009-02-13 23:31:30.5 +0000 UTC". */
export function printTime(value: TimeValue): string {
  const iso = new Date(value.unixMs).toISOString();
  const fraction = iso.slice(19, 23).replace(/\.?0+$/, "");
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction} +0000 UTC`;
}

/** As time.Duration prints itself: "1h15m30.5s", "1.5ms", "0s". */
export function printDuration({ nanoseconds }: DurationValue): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const scaled = (unit: bigint) => {
    const fraction = (size % unit)
      .toString()
      .padStart(unit.toString().length - 1, "0")
      .replace(/0+$/, "");
    return `${size / unit}${fraction === "" ? "" : `.${fraction}`}`;
  };
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${scaled(1_000n)}µs`;
  if (size < 1_000_000_000n) return `${sign}${scaled(1_000_000n)}ms`;
  const seconds = size / 1_000_000_000n;
  const fraction = (size % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const rest = `${seconds % 60n}${fraction === "" ? "" : `.${fraction}`}s`;
  const minutes = (seconds / 60n) % 60n;
  const hours = seconds / 3_600n;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0n ? `${sign}${minutes}m${rest}` : `${sign}${rest}`;
}
