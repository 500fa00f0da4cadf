const shortTextLengthMax = 48;

/**
 * Writes a protobuf message from its end to its beginning, so that the length of a nested message is known when it is written:
 * one buffer, nothing copied. Write the last field first, and of each field the content before the tag.
 */
export class ReverseWriter {
  #buffer: Buffer;
  /** Where what was written begins. */
  #start: number;

  constructor(sizeBytes: number = 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(sizeBytes);
    this.#start = sizeBytes;
  }

  /** Bytes written so far. Remember it before a nested message, then give it to `message`. */
  get sizeBytes(): number {
    return this.#buffer.length - this.#start;
  }

  /** A view of what was written; the writer is done then. */
  take(): Buffer {
    return this.#buffer.subarray(this.#start);
  }

  /** The tag and length of a nested message whose content is everything written since `sizeBytesBefore`. */
  message(field: number, sizeBytesBefore: number): void {
    this.varint(this.sizeBytes - sizeBytesBefore);
    this.tag(field, 2);
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  /** An unsigned integer up to 2^53. */
  varint(value: number): void {
    if (value < 0x80) {
      this.#reserve(1);
      this.#start -= 1;
      this.#buffer[this.#start] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size += 1;
    this.#reserve(size);
    this.#start -= size;
    let position = this.#start;
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) {
      this.#buffer[position] = (rest % 128) + 128;
      position += 1;
    }
    this.#buffer[position] = rest;
  }

  /** Any 64-bit integer; a negative one takes ten bytes, as in int64 and int32 fields. */
  bigVarint(value: bigint): void {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.raw(Uint8Array.from(bytes));
  }

  /** An int64 that a number holds exactly. */
  int64(value: number): void {
    if (value >= 0) this.varint(value);
    else this.bigVarint(BigInt(value));
  }

  /** A sint64 (zigzag) that a number holds exactly. */
  sint64(value: number): void {
    const folded = value >= 0 ? value * 2 : -value * 2 - 1;
    if (folded <= Number.MAX_SAFE_INTEGER) this.varint(folded);
    else this.bigVarint(value >= 0 ? BigInt(value) * 2n : BigInt(-value) * 2n - 1n);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#buffer.writeDoubleLE(value, this.#start);
  }

  /** 64 bits in two halves. */
  fixed64(low: number, high: number): void {
    this.fixed32(high);
    this.fixed32(low);
  }

  bigFixed64(value: bigint): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#start);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#start -= 4;
    this.#buffer.writeUInt32LE(value, this.#start);
  }

  /** Content and length; the tag comes after. */
  bytes(content: Uint8Array): void {
    this.raw(content);
    this.varint(content.length);
  }

  /** UTF-8 and its length; the tag comes after. */
  string(text: string): void {
    if (text.length <= shortTextLengthMax && this.#shortAscii(text)) return;
    const size = Buffer.byteLength(text);
    this.#reserve(size);
    this.#start -= size;
    this.#buffer.write(text, this.#start, size);
    this.varint(size);
  }

  /** Two calls into the engine cost more than a short text does; false, and nothing written, when it is not all ASCII. */
  #shortAscii(text: string): boolean {
    const { length } = text;
    this.#reserve(length);
    const start = this.#start - length;
    const buffer = this.#buffer;
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) return false;
      buffer[start + index] = code;
    }
    this.#start = start;
    this.varint(length);
    return true;
  }

  raw(content: Uint8Array): void {
    this.#reserve(content.length);
    this.#start -= content.length;
    this.#buffer.set(content, this.#start);
  }

  #reserve(count: number): void {
    if (this.#start >= count) return;
    const { sizeBytes } = this;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, sizeBytes + count));
    const start = grown.length - sizeBytes;
    this.#buffer.copy(grown, start, this.#start);
    this.#buffer = grown;
    this.#start = start;
  }
}
