import { CollectorError } from "../model/index.ts";

/** Protobuf wire types that proto3 uses. */
export const wireVarint = 0;
export const wireFixed64 = 1;
export const wireBytes = 2;
export const wireFixed32 = 5;

/** An unsigned integer up to 2^53. */
export function encodeVarint(value: number): Uint8Array {
  const encoded: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) encoded.push((rest % 128) + 128);
  encoded.push(rest);
  return Uint8Array.from(encoded);
}

/** A place in a message and the values last read there. For all but the hottest paths; those use the scanner. */
export class WireCursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  position = 0;
  /** Field number and wire type of the tag read last. */
  field = 0;
  wireType = 0;
  /** Of the length-delimited field read last: where its content begins and ends. */
  start = 0;
  end = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  fail(what: string): never {
    throw new CollectorError("QUARTET_OTLP_INVALID", `${what} (byte ${this.position})`);
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
    const start = this.position;
    const value = this.varint(limit);
    if (value <= Number.MAX_SAFE_INTEGER) return BigInt(value);
    let bits = 0n;
    for (let position = this.position - 1; position >= start; position -= 1) {
      bits = (bits << 7n) | BigInt(this.bytes[position]! & 0x7f);
    }
    return BigInt.asUintN(64, bits);
  }

  /** An int64 as a number: exact between -2^53 and 2^53, which holds every time in milliseconds. */
  int64(limit: number): number {
    return Number(BigInt.asIntN(64, this.bigVarint(limit)));
  }

  /** Refuses a field of another wire type. */
  expect(wireType: number): void {
    if (this.wireType !== wireType) {
      this.fail(`field ${this.field} has wire type ${this.wireType} instead of ${wireType}`);
    }
  }

  /** Moves behind `size` bytes and returns where they begin. */
  fixed(size: number, limit: number): number {
    const start = this.position;
    if (size > limit - start) this.fail("a number is cut short");
    this.position = start + size;
    return start;
  }

  /** Reads the next tag before `limit` and returns its field number. */
  tag(limit: number): number {
    const tag = this.varint(limit);
    this.field = Math.floor(tag / 8);
    this.wireType = tag % 8;
    if (this.field === 0 || tag > 0xffff_ffff) this.fail("a field has an impossible number");
    return this.field;
  }

  /** Enters the content of a length-delimited field: sets `start` and `end`, moves behind it. */
  content(limit: number): void {
    this.expect(wireBytes);
    const length = this.varint(limit);
    if (length > limit - this.position) this.fail(`field ${this.field} is longer than what holds it`);
    this.start = this.position;
    this.end = this.position + length;
    this.position = this.end;
  }

  /** Enters a nested message: moves to its beginning and returns its end. */
  enter(limit: number): number {
    this.content(limit);
    this.position = this.start;
    return this.end;
  }

  /** The content of a field that must be an int64. */
  int64Field(limit: number): number {
    this.expect(wireVarint);
    return this.int64(limit);
  }

  /** The content of a field that must be a double. */
  doubleField(limit: number): number {
    this.expect(wireFixed64);
    return this.view.getFloat64(this.fixed(8, limit), true);
  }

  /** The next varint as the protobuf type sint64 has it (zigzag); exact between -2^53 and 2^53. */
  sint64(limit: number): number {
    const start = this.position;
    const value = this.varint(limit);
    if (value <= Number.MAX_SAFE_INTEGER) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    this.position = start;
    const bits = this.bigVarint(limit);
    return Number((bits & 1n) === 0n ? bits >> 1n : -(bits >> 1n) - 1n);
  }

  /** Moves behind the field whose tag was read. */
  skip(limit: number): void {
    switch (this.wireType) {
      case wireVarint:
        this.varint(limit);
        return;
      case wireFixed64:
        this.fixed(8, limit);
        return;
      case wireBytes:
        this.content(limit);
        return;
      case wireFixed32:
        this.fixed(4, limit);
        return;
      default:
        this.fail(`field ${this.field} has wire type ${this.wireType}, which OTLP does not use`);
    }
  }
}
