const initialSizeBytes = 16_384;
/** A short string is copied character by character: cheaper than a call into the runtime. */
const shortStringLengthMax = 64;

/**
 * Writes protobuf's wire format into one buffer that grows.
 * Nested messages are written in place: `open`, the fields, `close`; the length is put in afterwards.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufWriter {
  #bytes: Buffer;
  /** Where the next byte goes; setting it back takes back what was written since. */
  position = 0;

  constructor(sizeBytes: number = initialSizeBytes) {
    this.#bytes = Buffer.allocUnsafe(sizeBytes);
  }

  /** The bytes in [start, end): a view, valid until the next write. */
  view(start: number, end: number): Buffer {
    return this.#bytes.subarray(start, end);
  }

  /** Starts again, and gives back what a burst made it grow to. */
  reset(): void {
    this.position = 0;
    if (this.#bytes.length > 64 * initialSizeBytes) this.#bytes = Buffer.allocUnsafe(initialSizeBytes);
  }

  /** A field of type bool, uint64, int64 or an enumeration. Integers beyond 2^53 go through `bigint`. */
  integer(field: number, value: number): void {
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) return this.bigint(field, BigInt(value));
    this.#tag(field, 0);
    this.#varint(value);
  }

  bigint(field: number, value: bigint): void {
    this.#tag(field, 0);
    // int64 is written as its two's complement in 64 bits, so that -1 takes ten bytes.
    let rest = BigInt.asUintN(64, value);
    this.#reserve(10);
    while (rest > 127n) {
      this.#bytes[this.position++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.position++] = Number(rest);
  }

  double(field: number, value: number): void {
    this.#tag(field, 1);
    this.doubleItem(value);
  }

  /** An element of a packed field; the field itself is opened and closed like a message. */
  doubleItem(value: number): void {
    this.#reserve(8);
    this.position = this.#bytes.writeDoubleLE(value, this.position);
  }

  fixed32(field: number, value: number): void {
    this.#tag(field, 5);
    this.#reserve(4);
    this.position = this.#bytes.writeUInt32LE(value, this.position);
  }

  /** A whole number that a double holds exactly: a count. */
  fixed64(field: number, value: number): void {
    this.#tag(field, 1);
    this.fixed64Item(value);
  }

  fixed64Item(value: number): void {
    this.#words(value % 0x1_0000_0000, Math.floor(value / 0x1_0000_0000));
  }

  /** A time as fixed64 nanoseconds, from seconds and the nanoseconds within (OpenTelemetry's HrTime). */
  time(field: number, seconds: number, nanoseconds: number): void {
    this.#tag(field, 1);
    // 1.7e18 does not fit a double: multiply in two halves of 16 bits, each below 2^53.
    const low = (seconds & 0xffff) * 1_000_000_000 + nanoseconds;
    const high = Math.floor(seconds / 0x1_0000) * 1_000_000_000;
    const sum = (high % 0x1_0000) * 0x1_0000 + low;
    this.#words(sum % 0x1_0000_0000, Math.floor(high / 0x1_0000) + Math.floor(sum / 0x1_0000_0000));
  }

  string(field: number, value: string): void {
    this.#tag(field, 2);
    const { length } = value;
    // UTF-8 takes three bytes at most per UTF-16 unit.
    this.#reserve(length * 3 + 10);
    if (length <= shortStringLengthMax && this.#ascii(value)) return;
    this.#varint(Buffer.byteLength(value));
    this.position += this.#bytes.write(value, this.position);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, 2);
    this.#varint(value.length);
    this.raw(value);
  }

  /** A field of type bytes from hexadecimal digits of either case. */
  hex(field: number, digits: string): void {
    this.#tag(field, 2);
    const sizeBytes = digits.length >> 1;
    this.#varint(sizeBytes);
    this.#reserve(sizeBytes);
    const bytes = this.#bytes;
    for (let index = 0; index < sizeBytes; index += 1) {
      const high = digitOf(digits.charCodeAt(index * 2));
      bytes[this.position + index] = high * 16 + digitOf(digits.charCodeAt(index * 2 + 1));
    }
    this.position += sizeBytes;
  }

  /** Bytes that are fields already. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.position);
    this.position += value.length;
  }

  /** Starts a nested message; give what it returns to `close`. */
  open(field: number): number {
    this.#tag(field, 2);
    this.#reserve(1);
    return ++this.position;
  }

  /** Ends a nested message: writes its length before it, moving it when one byte does not hold the length. */
  close(start: number): void {
    const sizeBytes = this.position - start;
    const extraBytes = varintSizeBytes(sizeBytes) - 1;
    if (extraBytes > 0) {
      this.#reserve(extraBytes);
      this.#bytes.copyWithin(start + extraBytes, start, this.position);
    }
    this.position = start - 1;
    this.#varint(sizeBytes);
    this.position += sizeBytes;
  }

  #ascii(value: string): boolean {
    const bytes = this.#bytes;
    const start = this.position + 1;
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 127) return false;
      bytes[start + index] = code;
    }
    bytes[this.position] = value.length;
    this.position = start + value.length;
    return true;
  }

  #words(low: number, high: number): void {
    this.#reserve(8);
    this.#bytes.writeUInt32LE(low, this.position);
    this.position = this.#bytes.writeUInt32LE(high, this.position + 4);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    this.#reserve(10);
    const bytes = this.#bytes;
    let rest = value;
    while (rest > 127) {
      bytes[this.position++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    bytes[this.position++] = rest;
  }

  #reserve(sizeBytes: number): void {
    const needed = this.position + sizeBytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.position);
    this.#bytes = grown;
  }
}

/** "0" to "9" end in 0 to 9; "a" to "f" and "A" to "F" end in 1 to 6, and have a bit that digits lack. */
function digitOf(code: number): number {
  return (code & 15) + (code >> 6) * 9;
}

/** How many bytes a varint of this value takes. */
function varintSizeBytes(value: number): number {
  let sizeBytes = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) sizeBytes += 1;
  return sizeBytes;
}
