/** 0: stands in JSON as it is; "u": as \u00XX; else behind a backslash. */
const escapes: Uint8Array = new Uint8Array(256);
escapes.fill("u".charCodeAt(0), 0, 0x20);
for (const [byte, letter] of [
  ["\b", "b"],
  ["\t", "t"],
  ["\n", "n"],
  ["\f", "f"],
  ["\r", "r"],
  ['"', '"'],
  ["\\", "\\"],
] as const)
  escapes[byte.charCodeAt(0)] = letter.charCodeAt(0);

const hexDigits: Uint8Array = Buffer.from("0123456789abcdef", "latin1");
const quote = 0x22;
const backslash = 0x5c;
/** What an escaped byte takes at most. */
const escapedSizeBytes = 6;
const mebibyte = 1024 * 1024;

/** JSON written into a buffer that grows. Commas and brackets are the caller's. */
export class JsonWriter {
  bytes: Buffer;
  length = 0;

  constructor(sizeBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(sizeBytes, 1024));
  }

  /** Bytes as they are. */
  raw(piece: Uint8Array): void {
    this.#reserve(piece.length);
    const { bytes } = this;
    let { length } = this;
    // A call into the runtime costs more than the loop for the short pieces that most are.
    if (piece.length > 64) {
      bytes.set(piece, length);
      this.length = length + piece.length;
      return;
    }
    for (let position = 0; position < piece.length; position += 1) bytes[length++] = piece[position]!;
    this.length = length;
  }

  byte(code: number): void {
    this.#reserve(1);
    this.bytes[this.length] = code;
    this.length += 1;
  }

  /** A string from UTF-8, in quotes. */
  text(from: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start + 2);
    let { bytes, length } = this;
    bytes[length++] = quote;
    for (let position = start; position < end; position += 1) {
      const byte = from[position]!;
      const escape = escapes[byte]!;
      if (escape === 0) {
        bytes[length++] = byte;
        continue;
      }
      this.length = length;
      this.#reserve(escapedSizeBytes + end - position);
      ({ bytes, length } = this);
      bytes[length++] = backslash;
      bytes[length++] = escape;
      if (escape !== 0x75) continue;
      bytes[length++] = 0x30;
      bytes[length++] = 0x30;
      bytes[length++] = hexDigits[byte >> 4]!;
      bytes[length++] = hexDigits[byte & 15]!;
    }
    bytes[length++] = quote;
    this.length = length;
  }

  /** Bytes in lower-case hexadecimal digits, in quotes. */
  hex(from: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * 2 + 2);
    const { bytes } = this;
    let { length } = this;
    bytes[length++] = quote;
    for (let position = start; position < end; position += 1) {
      const byte = from[position]!;
      bytes[length++] = hexDigits[byte >> 4]!;
      bytes[length++] = hexDigits[byte & 15]!;
    }
    bytes[length++] = quote;
    this.length = length;
  }

  /** An integer from 0 to 2^53, with zeros in front up to `digitCountMin`. */
  natural(value: number, digitCountMin = 1): void {
    let digitCount = digitCountMin;
    while (value >= 10 ** digitCount) digitCount += 1;
    this.#reserve(digitCount);
    const { bytes, length } = this;
    let rest = value;
    for (let position = length + digitCount - 1; position >= length; position -= 1) {
      const tens = Math.floor(rest / 10);
      bytes[position] = 0x30 + rest - tens * 10;
      rest = tens;
    }
    this.length = length + digitCount;
  }

  /** Text of one byte a character. */
  latin1(text: string): void {
    this.#reserve(text.length);
    this.length += this.bytes.write(text, this.length, "latin1");
  }

  #reserve(sizeBytes: number): void {
    const wanted = this.length + sizeBytes;
    if (wanted <= this.bytes.length) return;
    const grown = Math.max(wanted, this.bytes.length + Math.min(this.bytes.length, 64 * mebibyte));
    const larger = Buffer.allocUnsafeSlow(grown);
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }
}
