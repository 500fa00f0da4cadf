import { freeMemory } from "../model/index.ts";

/** Below this a loop is cheaper than a call into the runtime. */
const shortBytes = 48;

/** Writes a protobuf message from its beginning, mostly out of pieces of other messages. */
export class ForwardWriter {
  #buffer: Buffer<ArrayBuffer>;
  #position = 0;

  constructor(sizeBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(64, sizeBytes));
  }

  /** Bytes written so far; to give to `truncate`. */
  get sizeBytes(): number {
    return this.#position;
  }

  /** A view of what was written; the writer is done then. */
  take(): Buffer<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#position);
  }

  /** Takes back everything behind `sizeBytes`. */
  truncate(sizeBytes: number): void {
    this.#position = sizeBytes;
  }

  /** An unsigned integer up to 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) {
      this.#buffer[this.#position] = (rest % 128) + 128;
      this.#position += 1;
    }
    this.#buffer[this.#position] = rest;
    this.#position += 1;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#position] = value;
    this.#position += 1;
  }

  /** 64 bits in two halves. */
  varint64(low: number, high: number): void {
    if (high < 0x20_0000) {
      this.varint(high * 2 ** 32 + low);
      return;
    }
    this.#reserve(10);
    let [restLow, restHigh] = [low, high];
    while (restHigh > 0 || restLow >= 0x80) {
      this.#buffer[this.#position] = (restLow & 0x7f) | 0x80;
      this.#position += 1;
      restLow = ((restLow >>> 7) | (restHigh << 25)) >>> 0;
      restHigh >>>= 7;
    }
    this.#buffer[this.#position] = restLow;
    this.#position += 1;
  }

  fixed32(value: number): void {
    this.#reserve(4);
    const buffer = this.#buffer;
    const at = this.#position;
    buffer[at] = value;
    buffer[at + 1] = value >>> 8;
    buffer[at + 2] = value >>> 16;
    buffer[at + 3] = value >>> 24;
    this.#position = at + 4;
  }

  /** 64 bits in two halves. */
  fixed64(low: number, high: number): void {
    this.fixed32(low);
    this.fixed32(high);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#position = this.#buffer.writeDoubleLE(value, this.#position);
  }

  /** Bytes of another message, as they are. */
  copy(source: Buffer, start: number, end: number): void {
    const size = end - start;
    this.#reserve(size);
    if (size > shortBytes) source.copy(this.#buffer, this.#position, start, end);
    else for (let at = 0; at < size; at += 1) this.#buffer[this.#position + at] = source[start + at]!;
    this.#position += size;
  }

  /** A length-delimited field. */
  field(tag: number, source: Buffer, range: { readonly start: number; readonly end: number }): void {
    this.varint(tag);
    this.varint(range.end - range.start);
    this.copy(source, range.start, range.end);
  }

  /** Begins a nested message; give the number to `endMessage`. `tag` is field · 8 + 2, below 128. */
  beginMessage(tag: number): number {
    this.#reserve(2);
    this.#buffer[this.#position] = tag;
    this.#position += 2;
    return this.#position;
  }

  /** Fills in the length. One byte was left for it; a longer message is moved, which is rare or cheap. */
  endMessage(start: number): void {
    const size = this.#position - start;
    if (size < 0x80) {
      this.#buffer[start - 1] = size;
      return;
    }
    let more = 0;
    for (let rest = size; rest >= 0x80; rest = Math.floor(rest / 128)) more += 1;
    this.#reserve(more);
    this.#buffer.copyWithin(start + more, start, this.#position);
    this.#position = start - 1;
    this.varint(size);
    this.#position += size;
  }

  #reserve(count: number): void {
    if (this.#position + count <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#position + count));
    this.#buffer.copy(grown, 0, 0, this.#position);
    freeMemory(this.#buffer);
    this.#buffer = grown;
  }
}
