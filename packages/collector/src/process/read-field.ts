import { wireBytes, wireVarint, type WireCursor } from "../otlp/index.ts";

/** Field numbers from a message down to one of its fields. */
export type FieldPath = readonly number[];

// Fields of KeyValue and AnyValue.
const fieldKey = 1;
const fieldValue = 2;
const fieldString = 1;
const fieldBool = 2;
const fieldInt = 3;
const fieldDouble = 4;
/** Fields 1 to 7 of an AnyValue exclude one another. */
const fieldValueLast = 7;

/** The content of the last field at `path`, as the cursor's `start` and `end`; false when there is none. */
export function findContent(
  cursor: WireCursor,
  start: number,
  end: number,
  path: FieldPath,
  depth = 0,
): boolean {
  const isLast = depth === path.length - 1;
  let foundStart = -1;
  let foundEnd = -1;
  cursor.position = start;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    cursor.skip(end);
    if (field !== path[depth] || cursor.wireType !== wireBytes) continue;
    const contentEnd = cursor.end;
    if (isLast || findContent(cursor, cursor.start, contentEnd, path, depth + 1)) {
      foundStart = cursor.start;
      foundEnd = cursor.end;
    }
    cursor.position = contentEnd;
  }
  cursor.start = foundStart;
  cursor.end = foundEnd;
  return foundStart >= 0;
}

/** The last number at `path`; 0 when there is none. */
export function findNumber(
  cursor: WireCursor,
  start: number,
  end: number,
  path: FieldPath,
  depth = 0,
): number {
  const isLast = depth === path.length - 1;
  let found = 0;
  cursor.position = start;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === path[depth] && isLast && cursor.wireType === wireVarint) {
      found = cursor.varint(end);
      continue;
    }
    cursor.skip(end);
    if (field !== path[depth] || isLast || cursor.wireType !== wireBytes) continue;
    const contentEnd = cursor.end;
    const innerFound = findNumber(cursor, cursor.start, contentEnd, path, depth + 1);
    if (innerFound !== 0) found = innerFound;
    cursor.position = contentEnd;
  }
  return found;
}

/** The AnyValue of the first attribute with this key at `path`, as the cursor's `start` and `end`; false when there is none. */
export function findAttribute(
  cursor: WireCursor,
  start: number,
  end: number,
  attribute: { readonly path: FieldPath; readonly key: Buffer },
  depth = 0,
): boolean {
  const { path, key } = attribute;
  const isLast = depth === path.length - 1;
  cursor.position = start;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    cursor.skip(end);
    if (field !== path[depth] || cursor.wireType !== wireBytes) continue;
    const contentEnd = cursor.end;
    const isFound = isLast
      ? isPair(cursor, cursor.start, contentEnd, key)
      : findAttribute(cursor, cursor.start, contentEnd, attribute, depth + 1);
    if (isFound) return true;
    cursor.position = contentEnd;
  }
  return false;
}

/** Whether a KeyValue has this key; leaves its value, empty when it has none, in the cursor's `start` and `end`. */
function isPair(cursor: WireCursor, start: number, end: number, key: Buffer): boolean {
  let isSame = key.length === 0;
  let valueStart = end;
  let valueEnd = end;
  cursor.position = start;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    cursor.skip(end);
    if (cursor.wireType !== wireBytes) continue;
    if (field === fieldKey) isSame = key.equals(cursor.bytes.subarray(cursor.start, cursor.end));
    else if (field === fieldValue) {
      valueStart = cursor.start;
      valueEnd = cursor.end;
    }
  }
  cursor.start = valueStart;
  cursor.end = valueEnd;
  return isSame;
}

/** A scalar as text. Texts are where they stand, numbers and booleans as JSON writes them, what is no scalar is "". */
export type ScalarText = { readonly start: number; readonly end: number } | string;

/** The scalar that the AnyValue between two offsets holds. */
export function readScalar(cursor: WireCursor, start: number, end: number): ScalarText {
  let text: ScalarText = "";
  cursor.position = start;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    const at = cursor.position;
    cursor.skip(end);
    if (field > fieldValueLast) continue;
    text = "";
    if (field === fieldString && cursor.wireType === wireBytes)
      text = { start: cursor.start, end: cursor.end };
    else if (field === fieldDouble) text = String(cursor.view.getFloat64(at, true));
    else if (field === fieldBool || field === fieldInt) {
      const behind = cursor.position;
      cursor.position = at;
      const number = BigInt.asIntN(64, cursor.bigVarint(end));
      text = field === fieldBool ? String(number !== 0n) : String(number);
      cursor.position = behind;
    }
  }
  return text;
}
