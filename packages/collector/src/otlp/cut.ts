import { fieldNumberEnd, fieldTable, kindPath, tableShift } from "./field-table.ts";
import type { OtlpSignal } from "./schema.ts";
import { wireBytes, WireCursor } from "./wire.ts";

/** From the tag of a message to the end of its content. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The request without some of the messages on the way to its items, or items; the lengths of what held them shrink.
 * `ranges` are ascending and without overlap. The same bytes when there are none.
 */
export function cutRejected(signal: OtlpSignal, bytes: Uint8Array, ranges: readonly ByteRange[]): Uint8Array {
  if (ranges.length === 0) return bytes;
  const state: CutState = { cursor: new WireCursor(bytes), ranges, next: 0 };
  const message = fieldTable.requestOf[signal];
  return Buffer.concat(keptParts(state, { message, start: 0, end: bytes.length }));
}

interface CutState {
  readonly cursor: WireCursor;
  readonly ranges: readonly ByteRange[];
  /** The first range not yet left out. */
  next: number;
}

function keptParts(
  state: CutState,
  { message, start, end }: ByteRange & { readonly message: number },
): Uint8Array[] {
  const { cursor, ranges } = state;
  const { bytes } = cursor;
  const parts: Uint8Array[] = [];
  /** Where what is kept as it is begins. */
  let keptStart = start;
  cursor.position = start;
  while (cursor.position < end) {
    const outerStart = cursor.position;
    const field = cursor.tag(end);
    const tagEnd = cursor.position;
    cursor.skip(end);
    const fieldEnd = cursor.position;
    const range = ranges[state.next];
    if (range === undefined) break;
    if (range.start >= fieldEnd || cursor.wireType !== wireBytes || !isOnPath(message, field)) continue;
    parts.push(bytes.subarray(keptStart, outerStart));
    keptStart = fieldEnd;
    if (range.start === outerStart) {
      state.next += 1;
      continue;
    }
    const child = fieldTable.children[(message << tableShift) | field]!;
    const inner = keptParts(state, { message: child, start: cursor.start, end: fieldEnd });
    const size = inner.reduce((sum, part) => sum + part.length, 0);
    parts.push(bytes.subarray(outerStart, tagEnd), encodeLength(size), ...inner);
    cursor.position = fieldEnd;
  }
  parts.push(bytes.subarray(keptStart, end));
  return parts;
}

function isOnPath(message: number, field: number): boolean {
  return field < fieldNumberEnd && fieldTable.kinds[(message << tableShift) | field] === kindPath;
}

function encodeLength(size: number): Uint8Array {
  const encoded: number[] = [];
  let rest = size;
  for (; rest >= 0x80; rest >>>= 7) encoded.push((rest & 0x7f) | 0x80);
  encoded.push(rest);
  return Uint8Array.from(encoded);
}
