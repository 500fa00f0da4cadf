/** Appends varints and strings to shared or plain memory; the caller has made sure that there is room. */
export interface ByteSink {
  readonly bytes: Uint8Array;
  offset: number;
}

export function writeVarint(sink: ByteSink, value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    sink.bytes[sink.offset++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  sink.bytes[sink.offset++] = rest;
}

/** A varint may take this many bytes. */
export const varintBytesMax = 5;

/** Length and UTF-8 bytes. */
export function writeBytes(sink: ByteSink, text: Uint8Array): void {
  writeVarint(sink, text.length);
  sink.bytes.set(text, sink.offset);
  sink.offset += text.length;
}

/** Reads what a ByteSink wrote. Reading past `end` gives zeros and empty strings, never an error: the memory may be in reuse. */
export class ByteSource {
  readonly bytes: Uint8Array;
  offset: number;
  readonly end: number;

  constructor(bytes: Uint8Array, offset: number, end: number) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = Math.min(end, bytes.length);
  }

  get isDone(): boolean {
    return this.offset >= this.end;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35 && this.offset < this.end; shift += 7) {
      const byte = this.bytes[this.offset++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value >>> 0;
  }

  text(): string {
    const length = this.varint();
    const end = Math.min(this.end, this.offset + length);
    const text = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.offset, end - this.offset);
    this.offset = end;
    return text.toString("utf8");
  }
}
