import { CollectorError } from "../model/index.ts";

/** Protobuf wire types that proto3 uses. */
export const wireVarint = 0;
export const wireFixed64 = 1;
export const wireBytes = 2;
export const wireFixed32 = 5;

/** A place in a message and the values last read there. One object serves a whole scan: nothing is allocated per field. */
export class WireCursor {
  readonly bytes: Uint8Array;
  position = 0;
  /** Field number and wire type of the tag read last. */
  field = 0;
  wireType = 0;
  /** Of the length-delimited field entered last: where its content begins and ends. */
  start = 0;
  end = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  fail(what: string): never {
    throw new CollectorError("QUARTET_OTLP_INVALID", `${what} at byte ${this.position}`);
  }

  /** A varint as a number; exact up to 2^53, which is more than any length, enum or count. */
  varint(limit: number): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count += 1) {
      if (this.position >= limit) this.fail("a number is cut short");
      const byte = this.bytes[this.position]!;
      this.position += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    return this.fail("a number has more than ten bytes");
  }

  /** A varint with all its 64 bits. */
  bigVarint(limit: number): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.position >= limit) this.fail("a number is cut short");
      const byte = this.bytes[this.position]!;
      this.position += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return this.fail("a number has more than ten bytes");
  }

  /** Refuses a field of another wire type. */
  expect(wireType: number): void {
    if (this.wireType !== wireType)
      this.fail(`field ${this.field} has wire type ${this.wireType} instead of ${wireType}`);
  }

  /** The unsigned 32-bit number that begins at a position. */
  word(start: number): number {
    const { bytes } = this;
    return (
      (bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 24)) >>> 0
    );
  }

  /** Moves behind `size` bytes and returns where they begin. */
  fixed(size: number, limit: number): number {
    const start = this.position;
    if (start + size > limit) this.fail("a number is cut short");
    this.position = start + size;
    return start;
  }

  /** Reads the next tag before `limit` and returns its field number. */
  tag(limit: number): number {
    const tag = this.varint(limit);
    this.field = Math.floor(tag / 8);
    this.wireType = tag % 8;
    if (this.field === 0 || this.field > 0x1fffffff) this.fail("a field has an impossible number");
    return this.field;
  }

  /** Enters the content of a length-delimited field: sets `start` and `end`, moves behind it. */
  content(limit: number): void {
    this.expect(wireBytes);
    const length = this.varint(limit);
    this.start = this.position;
    this.end = this.position + length;
    if (this.end > limit) this.fail(`field ${this.field} is longer than what holds it`);
    this.position = this.end;
  }

  /** Moves behind the field whose tag was read. */
  skip(limit: number): void {
    switch (this.wireType) {
      case wireVarint:
        this.varint(limit);
        return;
      case wireFixed64:
        this.position += 8;
        break;
      case wireBytes:
        this.content(limit);
        return;
      case wireFixed32:
        this.position += 4;
        break;
      default:
        this.fail(`field ${this.field} has the unknown wire type ${this.wireType}`);
    }
    if (this.position > limit) this.fail(`field ${this.field} is cut short`);
  }
}
