import { CollectorError } from "../../model/index.ts";

const initialBytes = 4096;

/** Collects the bytes of chunks; grows as needed and may be used again and again. */
export class ChunkWriter {
  bytes: Uint8Array = new Uint8Array(initialBytes);
  length = 0;

  /** Makes room for `count` more bytes, which are 0. */
  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.length + count, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** A whole number from 0 to 2^53, seven bits a byte. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.length++] = rest;
  }

  /** A whole number within ±2^52: small ones of either sign take few bytes. */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  append(content: Uint8Array): void {
    this.reserve(content.length);
    this.bytes.set(content, this.length);
    this.length += content.length;
  }

  /** Takes back what came since the writer had `length` bytes; the room is cleared for `reserve`. */
  rewind(length: number): void {
    this.bytes.fill(0, length, this.length);
    this.length = length;
  }
}

/** Reads what a ChunkWriter wrote. @throws CollectorError QUARTET_BLOCK_INVALID beyond the end and for numbers too large. */
export class ChunkReader {
  readonly bytes: Uint8Array;
  offset: number;
  readonly end: number;

  constructor(bytes: Uint8Array, offset = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = end;
  }

  get isDone(): boolean {
    return this.offset >= this.end;
  }

  /** Passes over `count` bytes and gives where they begin. */
  skip(count: number): number {
    const { offset } = this;
    if (offset + count > this.end) throw damaged("it ends too early");
    this.offset = offset + count;
    return offset;
  }

  byte(): number {
    return this.bytes[this.skip(1)]!;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 0x80;
      if (scale > 2 ** 49) throw damaged("a number has too many bytes");
    }
    if (value > 2 ** 53) throw damaged("a number is too large");
    return value;
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A number of things that take at least one byte each, or at most `max`. */
  count(max: number): number {
    const count = this.varint();
    if (count > max) throw damaged(`it claims ${count} entries where ${max} are the most`);
    return count;
  }
}

/** The error of bytes that no encoder of ours wrote. */
export function damaged(problem: string): CollectorError {
  return new CollectorError("QUARTET_BLOCK_INVALID", problem);
}
