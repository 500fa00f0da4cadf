import { wireBytes, wireFixed64, wireVarint, type WireCursor } from "../../otlp/index.ts";
import type { JsonWriter } from "./json-writer.ts";

/** A stretch of bytes. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

const comma = 0x2c;
const colon = 0x3a;
const bracketOpen = 0x5b;
const bracketClose = 0x5d;
const braceOpen = 0x7b;
const braceClose = 0x7d;
const space = 0x20;
const blankKey: Uint8Array = Buffer.from('"_"');
const literalNull: Uint8Array = Buffer.from("null");
const literalTrue: Uint8Array = Buffer.from("true");
const literalFalse: Uint8Array = Buffer.from("false");

// Fields of AnyValue; they exclude one another.
const stringValue = 1;
const boolValue = 2;
const intValue = 3;
const doubleValue = 4;
const arrayValue = 5;
const kvlistValue = 6;
const bytesValue = 7;
const wireTypes: readonly number[] = [
  -1,
  wireBytes,
  wireVarint,
  wireVarint,
  wireFixed64,
  wireBytes,
  wireBytes,
  wireBytes,
];

/** As deep as receive lets values in, with room to spare. */
const depthMax = 128;
/** Up to here a key is compared with all before it; beyond, a set costs less. */
const comparedKeyCountMax = 24;

/**
 * Turns OTLP's values into JSON as they lie in a message, without an object on the way:
 * bytes become hexadecimal text, an int64 keeps all its digits, a double its point (1.0, so that Elasticsearch maps it as one),
 * NaN and infinities are null (no field takes them), of several attributes with one key the first counts
 * (Elasticsearch refuses a document with a field twice), and an empty value is null.
 */
export class ValueEncoder {
  readonly #cursor: WireCursor;
  readonly #json: JsonWriter;
  readonly #isHidden: (start: number, end: number) => boolean;
  /** Keys of the objects that are being written, the innermost last. */
  readonly #keyStarts: number[] = [];
  readonly #keyEnds: number[] = [];
  #keyStart = 0;
  #keyEnd = 0;
  #valueStart = 0;
  #valueEnd = 0;

  /** `isHidden` tells keys that are left out of attributes. */
  constructor(cursor: WireCursor, json: JsonWriter, isHidden: (start: number, end: number) => boolean) {
    this.#cursor = cursor;
    this.#json = json;
    this.#isHidden = isHidden;
  }

  /** The attributes that are field number `field` of messages, as one object; gives their number and writes `{}` when it is 0. */
  attributes(messages: readonly Range[], field: number): number {
    return this.#object(messages, field, 0);
  }

  /** The AnyValue between two offsets. */
  value(start: number, end: number, depth = 0): void {
    const kind = this.readKind(start, end);
    const json = this.#json;
    const { bytes, view } = this.#cursor;
    const from = this.#valueStart;
    const to = this.#valueEnd;
    switch (kind) {
      case stringValue:
        json.text(bytes, from, to);
        return;
      case boolValue:
        this.#cursor.position = from;
        json.raw(this.#cursor.bigVarint(to) === 0n ? literalFalse : literalTrue);
        return;
      case intValue:
        this.#integer(from, to);
        return;
      case doubleValue:
        this.#double(view.getFloat64(from, true));
        return;
      case arrayValue:
        this.#array(from, to, depth + 1);
        return;
      case kvlistValue:
        this.#object([{ start: from, end: to }], 1, depth + 1);
        return;
      case bytesValue:
        json.hex(bytes, from, to);
        return;
      default:
        json.raw(literalNull);
    }
  }

  /** Which of AnyValue's fields is set, 0 for none; of several the last one counts (protobuf, "Oneof Features"). */
  readKind(start: number, end: number): number {
    const cursor = this.#cursor;
    let kind = 0;
    cursor.position = start;
    while (cursor.position < end) {
      const field = cursor.tag(end);
      const from = cursor.position;
      cursor.skip(end);
      if (field > bytesValue) continue;
      cursor.expect(wireTypes[field]!);
      kind = field;
      const isContent = cursor.wireType === wireBytes;
      this.#valueStart = isContent ? cursor.start : from;
      this.#valueEnd = isContent ? cursor.end : cursor.position;
    }
    return kind;
  }

  /** Whether an AnyValue is an array of key-value lists only. */
  isArrayOfObjects(start: number, end: number): boolean {
    if (this.readKind(start, end) !== arrayValue) return false;
    const cursor = this.#cursor;
    const to = this.#valueEnd;
    let isObject = true;
    cursor.position = this.#valueStart;
    while (isObject && cursor.position < to) {
      const field = cursor.tag(to);
      cursor.skip(to);
      const after = cursor.position;
      if (field === 1) isObject = this.readKind(cursor.start, cursor.end) === kvlistValue;
      cursor.position = after;
    }
    return isObject;
  }

  #array(start: number, end: number, depth: number): void {
    this.#checkDepth(depth);
    const cursor = this.#cursor;
    const json = this.#json;
    json.byte(bracketOpen);
    let isFirst = true;
    cursor.position = start;
    while (cursor.position < end) {
      const field = cursor.tag(end);
      cursor.skip(end);
      if (field !== 1 || cursor.wireType !== wireBytes) continue;
      const after = cursor.position;
      if (!isFirst) json.byte(comma);
      isFirst = false;
      this.value(cursor.start, cursor.end, depth);
      cursor.position = after;
    }
    json.byte(bracketClose);
  }

  #object(messages: readonly Range[], wanted: number, depth: number): number {
    this.#checkDepth(depth);
    const cursor = this.#cursor;
    const json = this.#json;
    const base = this.#keyStarts.length;
    let seen: Set<string> | undefined;
    json.byte(braceOpen);
    for (const { start, end } of messages) {
      cursor.position = start;
      while (cursor.position < end) {
        const field = cursor.tag(end);
        cursor.skip(end);
        if (field !== wanted || cursor.wireType !== wireBytes) continue;
        const after = cursor.position;
        this.#readKeyValue(cursor.start, cursor.end);
        const keyStart = this.#keyStart;
        const keyEnd = this.#keyEnd;
        const keyCount = this.#keyStarts.length - base;
        if (keyCount === comparedKeyCountMax) seen ??= this.#keysFrom(base);
        const isLeftOut =
          (depth === 0 && this.#isHidden(keyStart, keyEnd)) ||
          (seen === undefined
            ? this.#isKnown(base, keyStart, keyEnd)
            : seen.has(this.#latin1(keyStart, keyEnd)));
        if (!isLeftOut) {
          if (keyCount > 0) json.byte(comma);
          this.#keyStarts.push(keyStart);
          this.#keyEnds.push(keyEnd);
          seen?.add(this.#latin1(keyStart, keyEnd));
          this.#key(keyStart, keyEnd);
          json.byte(colon);
          this.value(this.#valueStart, this.#valueEnd, depth);
        }
        cursor.position = after;
      }
    }
    json.byte(braceClose);
    const count = this.#keyStarts.length - base;
    this.#keyStarts.length = base;
    this.#keyEnds.length = base;
    return count;
  }

  /** Elasticsearch takes no field whose name is blank. */
  #key(start: number, end: number): void {
    const { bytes } = this.#cursor;
    let position = start;
    while (position < end && bytes[position]! <= space) position += 1;
    if (position < end) this.#json.text(bytes, start, end);
    else this.#json.raw(blankKey);
  }

  #readKeyValue(start: number, end: number): void {
    const cursor = this.#cursor;
    this.#keyStart = this.#keyEnd = this.#valueStart = this.#valueEnd = start;
    cursor.position = start;
    while (cursor.position < end) {
      const field = cursor.tag(end);
      cursor.skip(end);
      if (field > 2) continue;
      cursor.expect(wireBytes);
      if (field === 1) {
        this.#keyStart = cursor.start;
        this.#keyEnd = cursor.end;
      } else {
        this.#valueStart = cursor.start;
        this.#valueEnd = cursor.end;
      }
    }
  }

  /** Whether the object that begins at `base` has this key. */
  #isKnown(base: number, start: number, end: number): boolean {
    const { bytes } = this.#cursor;
    const size = end - start;
    for (let index = this.#keyStarts.length - 1; index >= base; index -= 1) {
      const other = this.#keyStarts[index]!;
      if (this.#keyEnds[index]! - other !== size) continue;
      let position = 0;
      // Keys that belong together differ at their ends.
      while (position < size && bytes[other + size - 1 - position] === bytes[end - 1 - position])
        position += 1;
      if (position === size) return true;
    }
    return false;
  }

  #keysFrom(base: number): Set<string> {
    const keys = new Set<string>();
    for (let index = base; index < this.#keyStarts.length; index += 1)
      keys.add(this.#latin1(this.#keyStarts[index]!, this.#keyEnds[index]!));
    return keys;
  }

  #latin1(start: number, end: number): string {
    const { bytes } = this.#cursor;
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
  }

  #integer(start: number, end: number): void {
    const cursor = this.#cursor;
    cursor.position = start;
    const value = cursor.varint(end);
    if (value <= Number.MAX_SAFE_INTEGER) {
      this.#json.natural(value);
      return;
    }
    cursor.position = start;
    this.#json.latin1(BigInt.asIntN(64, cursor.bigVarint(end)).toString());
  }

  #double(value: number): void {
    if (!Number.isFinite(value)) {
      this.#json.raw(literalNull);
      return;
    }
    const text = Object.is(value, -0) ? "-0" : String(value);
    this.#json.latin1(/[.e]/.test(text) ? text : `${text}.0`);
  }

  #checkDepth(depth: number): void {
    if (depth > depthMax) this.#cursor.fail("a value is nested too deeply");
  }
}
