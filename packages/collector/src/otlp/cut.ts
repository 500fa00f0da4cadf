import { fieldNumberEnd, fieldTable, kindPath, tableShift } from "./field-table.ts";
import { PatchList } from "./patch.ts";
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
  const patches = new PatchList();
  const state: CutState = { cursor: new WireCursor(bytes), ranges, next: 0, patches };
  const message = fieldTable.requestOf[signal];
  cutInside(state, { message, start: 0, end: bytes.length });
  return patches.apply(bytes);
}

interface CutState {
  readonly cursor: WireCursor;
  readonly ranges: readonly ByteRange[];
  readonly patches: PatchList;
  /** The first range not yet left out. */
  next: number;
}

function cutInside(state: CutState, { message, start, end }: ByteRange & { readonly message: number }): void {
  const { cursor, ranges, patches } = state;
  cursor.position = start;
  while (cursor.position < end) {
    const outerStart = cursor.position;
    const field = cursor.tag(end);
    const lengthStart = cursor.position;
    cursor.skip(end);
    const fieldEnd = cursor.position;
    const range = ranges[state.next];
    if (range === undefined) return;
    if (range.start >= fieldEnd || cursor.wireType !== wireBytes || !isOnPath(message, field)) continue;
    if (range.start === outerStart) {
      // It may span several fields of this message.
      patches.remove(range.start, range.end);
      cursor.position = range.end;
      state.next += 1;
      continue;
    }
    const child = fieldTable.children[(message << tableShift) | field]!;
    const mark = patches.mark();
    const contentStart = cursor.start;
    cutInside(state, { message: child, start: contentStart, end: fieldEnd });
    patches.close(mark, { lengthStart, start: contentStart, end: fieldEnd });
    cursor.position = fieldEnd;
  }
}

function isOnPath(message: number, field: number): boolean {
  return field < fieldNumberEnd && fieldTable.kinds[(message << tableShift) | field] === kindPath;
}
