import { CollectorError } from "../model/index.ts";

/** A piece of the query's text, in UTF-16 units; `end` is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** "line:column", both from 1; the column counts bytes of UTF-8, as Prometheus does. */
export function lineColumn(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  const line = before.split("\n").length;
  return `${line}:${Buffer.byteLength(before.slice(lineStart)) + 1}`;
}

/** The error of an expression that does not parse or type-check, in the form Prometheus gives it. */
export function parseError(text: string, offset: number, message: string): CollectorError {
  return new CollectorError("QUARTET_PROMQL_INVALID", `${lineColumn(text, offset)}: parse error: ${message}`);
}

/** Go's %q of a string: double quotes, with escapes for what is not printable. */
export function quoted(value: string): string {
  return JSON.stringify(value).replace(/\\u007f/g, "\\x7f");
}

/** Go's %q of a rune. */
export function quotedRune(value: string): string {
  if (value === "'") return "'\\''";
  if (value === '"') return "'\"'";
  return `'${JSON.stringify(value).slice(1, -1)}'`;
}

/** "start:end" in characters, as Prometheus names the place of a computed duration. */
export function lineColumnRange({ start, end }: Span): string {
  return `${start}:${end}`;
}
