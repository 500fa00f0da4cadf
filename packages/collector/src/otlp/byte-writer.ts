/** Bytes that grow as they are written. */
export class ByteWriter {
  #buffer: Buffer = Buffer.allocUnsafe(256);
  #size = 0;

  /** A view of what was written; the writer is done then. */
  take(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  /** An unsigned integer up to 2^53. */
  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#size++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#size++] = rest;
  }

  /** Any 64-bit integer; a negative one takes ten bytes, as in int64 and int32 fields. */
  bigVarint(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 0x80n; rest >>= 7n) this.#buffer[this.#size++] = Number(rest & 0x7fn) | 0x80;
    this.#buffer[this.#size++] = Number(rest);
  }

  tag(field: number, wireType: number): void {
    this.varint(field * 8 + wireType);
  }

  rawDouble(value: number): void {
    this.#reserve(8);
    this.#size = this.#buffer.writeDoubleLE(value, this.#size);
  }

  raw64(value: bigint): void {
    this.#reserve(8);
    this.#size = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#size);
  }

  raw32(value: number): void {
    this.#reserve(4);
    this.#size = this.#buffer.writeUInt32LE(value, this.#size);
  }

  /** A length-delimited field. */
  bytes(field: number, content: Uint8Array): void {
    this.tag(field, 2);
    this.varint(content.length);
    this.raw(content);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  #reserve(count: number): void {
    if (this.#size + count <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#size + count));
    this.#buffer.copy(grown, 0, 0, this.#size);
    this.#buffer = grown;
  }
}
