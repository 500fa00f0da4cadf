import { CollectorError } from "../model/index.ts";

/** Deeper than any request. */
const skipDepthMax = 512;
/** An integer of so many digits is a number exactly. */
const exactDigits = 15;

export const quote = 0x22;
const comma = 0x2c;
export const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
export const colon = 0x3a;
export const openList = 0x5b;
const backslash = 0x5c;
export const openObject = 0x7b;

export const isDigit = (byte: number): boolean => byte >= zero && byte <= nine;

/**
 * Goes through JSON from its beginning to its end without making objects of it. Every byte is looked at once, and what is no JSON by
 * RFC 8259 is refused.
 * @throws CollectorError QUARTET_OTLP_INVALID with the place, from every method
 */
export class JsonCursor {
  /** In UTF-8. */
  readonly bytes: Buffer;
  /** Where the next token begins, or the white space before it. */
  at = 0;
  /** Where the last string (without its quotes) or number begins and ends. */
  start = 0;
  end = 0;
  /** The last string has no escapes: its bytes are what it means. */
  isPlain = true;
  /** The last number has neither a fraction nor an exponent. */
  isInteger = true;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The first byte of the next token; -1 at the end. */
  peek(): number {
    const { bytes } = this;
    if (bytes[this.at]! > 0x20) return bytes[this.at]!;
    while (this.at < bytes.length) {
      const byte = bytes[this.at]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.at += 1;
    }
    return -1;
  }

  /** Passes over one byte, which must be the next token. */
  take(byte: number): void {
    if (this.peek() !== byte) this.fail(`"${String.fromCharCode(byte)}" should stand`);
    this.at += 1;
  }

  /** Begins an object or a list; false when it is empty, and over. */
  open(opening: number): boolean {
    this.take(opening);
    // Each closing bracket stands two behind its opening one.
    if (this.peek() !== opening + 2) return true;
    this.at += 1;
    return false;
  }

  /** Passes over a comma; false when the object or list is over. */
  goesOn(opening: number): boolean {
    const byte = this.peek();
    if (byte !== comma && byte !== opening + 2)
      this.fail(`"," or "${String.fromCharCode(opening + 2)}" should stand`);
    this.at += 1;
    return byte === comma;
  }

  /** The name of an object's next member. */
  name(): void {
    if (this.peek() !== quote) this.fail("a name in quotes should stand");
    this.string();
  }

  /** A string, of which the quote is the next byte. */
  string(): void {
    const { bytes } = this;
    let at = this.at + 1;
    this.start = at;
    this.isPlain = true;
    for (;;) {
      const byte = bytes[at]!;
      if (byte === quote) break;
      if (byte === backslash) {
        this.isPlain = false;
        at += 2;
      } else if (byte >= 0x20) at += 1;
      else {
        // Behind the last byte there is none.
        this.at = at;
        this.fail(
          at < bytes.length ? "there is a control character without an escape" : "a string does not end",
        );
      }
    }
    this.end = at;
    this.at = at + 1;
  }

  /** The last string as text. */
  text(): string {
    if (this.isPlain) return this.bytes.toString("utf8", this.start, this.end);
    try {
      return JSON.parse(this.bytes.toString("utf8", this.start - 1, this.end + 1)) as string;
    } catch {
      this.at = this.start;
      return this.fail("there is a string with an escape that JSON does not know");
    }
  }

  /** A number, of which the first byte is the next. */
  number(): void {
    const { bytes } = this;
    this.start = this.at;
    if (bytes[this.at] === minus) this.at += 1;
    const first = this.at;
    this.#digits();
    if (bytes[first] === zero && this.at > first + 1) this.fail("there is a number with a zero that leads");
    this.isInteger = true;
    if (bytes[this.at] === point) {
      this.isInteger = false;
      this.at += 1;
      this.#digits();
    }
    // E or e.
    if ((bytes[this.at]! | 0x20) === 0x65) {
      this.isInteger = false;
      this.at += 1;
      if (bytes[this.at] === minus || bytes[this.at] === 0x2b) this.at += 1;
      this.#digits();
    }
    this.end = this.at;
  }

  /** The value of the last number. */
  numberValue(): number {
    const { bytes, start, end } = this;
    if (!this.isInteger || end - start > exactDigits || bytes[start] === minus)
      return Number(bytes.toString("latin1", start, end));
    let value = 0;
    for (let at = start; at < end; at += 1) value = value * 10 + bytes[at]! - zero;
    return value;
  }

  /** Whether the next value is that word: true, false or null. It is passed over then. */
  word(word: string): boolean {
    const { bytes, at } = this;
    for (let index = 0; index < word.length; index += 1)
      if (bytes[at + index] !== word.charCodeAt(index)) return false;
    this.at = at + word.length;
    return true;
  }

  /** Passes over a value of any kind. */
  skip(depth = 0): void {
    if (depth > skipDepthMax) this.fail("the body is nested too deeply");
    const first = this.peek();
    switch (first) {
      case quote:
        this.string();
        if (!this.isPlain) this.text();
        return;
      case openList:
        if (this.open(openList)) {
          do this.skip(depth + 1);
          while (this.goesOn(openList));
        }
        return;
      case openObject:
        if (this.open(openObject)) {
          do {
            this.name();
            if (!this.isPlain) this.text();
            this.take(colon);
            this.skip(depth + 1);
          } while (this.goesOn(openObject));
        }
        return;
      default:
        if (first === minus || isDigit(first)) this.number();
        else if (!this.word("true") && !this.word("false") && !this.word("null"))
          this.fail("a value should stand");
    }
  }

  fail(what: string): never {
    const message = `the body is no JSON: ${what} at byte ${this.at} of ${this.bytes.length}`;
    throw new CollectorError("QUARTET_OTLP_INVALID", message);
  }

  #digits(): void {
    const { bytes } = this;
    const first = this.at;
    while (isDigit(bytes[this.at]!)) this.at += 1;
    if (this.at === first) this.fail("a digit should stand");
  }
}
