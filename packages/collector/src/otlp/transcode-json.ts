import { isUtf8 } from "node:buffer";
import { CollectorError } from "../model/index.ts";
import { ForwardWriter } from "./forward-writer.ts";
import { colon, isDigit, JsonCursor, minus, openList, openObject, quote } from "./json-cursor.ts";
import { JsonInteger } from "./json-integer.ts";
import { jsonRequests, type JsonField, type JsonMessage } from "./json-schema.ts";
import { depthMax, type OtlpSignal, type Scalar } from "./schema.ts";

const firstOfNull = 0x6e;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * OTLP/JSON to OTLP/protobuf in one pass from byte to byte: what a body costs besides itself is what it becomes.
 * Ids are hex of either case, 64-bit integers numbers (kept exactly) or strings, enums numbers only, names lowerCamelCase only;
 * unknown fields are passed over, `null` means absent. Fields come in the order of the document.
 * @throws CollectorError QUARTET_OTLP_INVALID naming the path inside the document, as in
 * `resourceSpans[0].scopeSpans[0].spans[3].traceId`, or the byte at which it is no JSON.
 * @see OTLP specification, "JSON Protobuf Encoding"
 */
export function transcodeJson(signal: OtlpSignal, json: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength);
  if (!isUtf8(bytes))
    throw new CollectorError("QUARTET_OTLP_INVALID", "the body is no JSON: it is not UTF-8 throughout");
  return new Transcoder(bytes).transcode(jsonRequests[signal]);
}

/** Hexadecimal digits by their ASCII code; 16 for everything else. */
const hexDigits: Uint8Array = new Uint8Array(256).fill(16);
for (const digits of ["0123456789abcdef", "0123456789ABCDEF"])
  for (let value = 0; value < digits.length; value += 1) hexDigits[digits.charCodeAt(value)] = value;

const int32 = { least: -0x8000_0000, most: 0x7fff_ffff };
const uint32 = { least: 0, most: 0xffff_ffff };
const int64Range = `between ${-(2n ** 63n)} and ${2n ** 63n - 1n}`;
const uint64Range = `between 0 and ${2n ** 64n - 1n}`;

type TextRange = Pick<JsonCursor, "bytes" | "start" | "end">;

class Transcoder {
  readonly #json: JsonCursor;
  readonly #out: ForwardWriter;
  readonly #integer = new JsonInteger();
  /** The field at each depth, and its place in a list or -1, for naming what is wrong. */
  readonly #fields: JsonField[] = [];
  readonly #indexes: number[] = [];

  constructor(bytes: Buffer) {
    this.#json = new JsonCursor(bytes);
    // A request is half as long as protobuf, as a rule.
    this.#out = new ForwardWriter(bytes.length / 2);
  }

  transcode(request: JsonMessage): Uint8Array<ArrayBuffer> {
    const json = this.#json;
    if (json.bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark)) json.at = byteOrderMark.length;
    this.#message(request, 0);
    if (json.peek() !== -1) json.fail("there is more behind the body's end");
    return this.#out.take();
  }

  #message(message: JsonMessage, depth: number): void {
    const json = this.#json;
    if (json.peek() !== openObject) this.#refuse(depth, `should be an object (${message.name})`);
    if (depth > depthMax) this.#refuse(depth, "is nested too deeply");
    if (!json.open(openObject)) return;
    let seen = 0;
    let chosen: JsonField | undefined;
    do {
      json.name();
      const found = this.#find(message);
      json.take(colon);
      if (found === undefined) {
        json.skip();
        continue;
      }
      if (json.peek() === firstOfNull && json.word("null")) continue;
      this.#fields[depth] = found;
      this.#indexes[depth] = -1;
      if ((seen & found.bit) !== 0) this.#refuse(depth + 1, "is there twice");
      seen |= found.bit;
      if (found.field.oneOf !== undefined) {
        if (chosen !== undefined) {
          const both = `holds both ${chosen.field.name} and ${found.field.name}`;
          this.#refuse(depth, `${both}, of which only one may be there`);
        }
        chosen = found;
      }
      if (found.field.isRepeated) this.#list(found, depth);
      else this.#value(found, depth);
    } while (json.goesOn(openObject));
  }

  #find(message: JsonMessage): JsonField | undefined {
    const { bytes, start, end, isPlain } = this.#json;
    if (isPlain) return message.find(bytes, start, end);
    const name = Buffer.from(this.#json.text());
    return message.find(name, 0, name.length);
  }

  #list(found: JsonField, depth: number): void {
    const json = this.#json;
    if (json.peek() !== openList) this.#refuse(depth + 1, "should be a list");
    if (!json.open(openList)) return;
    const { packedTag, scalar } = found;
    const start = packedTag === 0 ? 0 : this.#out.beginMessage(packedTag);
    let index = 0;
    do {
      this.#indexes[depth] = index;
      json.peek();
      if (packedTag === 0) this.#value(found, depth);
      else this.#scalar(scalar!, depth + 1);
      index += 1;
    } while (json.goesOn(openList));
    if (packedTag !== 0) this.#out.endMessage(start);
  }

  #value({ tag, scalar, child }: JsonField, depth: number): void {
    if (child !== undefined) {
      const start = this.#out.beginMessage(tag);
      this.#message(child, depth + 1);
      this.#out.endMessage(start);
      return;
    }
    this.#out.varint(tag);
    this.#scalar(scalar!, depth + 1);
  }

  #scalar(scalar: Scalar, place: number): void {
    const json = this.#json;
    const out = this.#out;
    switch (scalar) {
      case "string":
        return this.#string(place);
      case "bytes":
        return this.#base64(place);
      case "trace_id":
      case "span_id":
        return this.#hex(place);
      case "bool":
        json.peek();
        if (json.word("true")) return out.byte(1);
        if (json.word("false")) return out.byte(0);
        return this.#refuse(place, "should be true or false");
      case "double":
        return out.double(this.#double(place));
      case "uint32":
        return out.varint(this.#integer32(uint32, place));
      case "fixed32":
        return out.fixed32(this.#integer32(uint32, place));
      case "int32": {
        // Every int32 of OTLP is an enum, of which only the number may be sent.
        if (json.peek() === quote) this.#refuse(place, "should be the number of the enum's value");
        const integer = this.#integer32(int32, place);
        if (integer >= 0) return out.varint(integer);
        return out.varint64(integer >>> 0, 0xffff_ffff);
      }
      case "sint32": {
        const integer = this.#integer32(int32, place);
        return out.varint(integer >= 0 ? integer * 2 : -integer * 2 - 1);
      }
      case "uint64":
      case "int64": {
        const { low, high } = this.#integer64(scalar === "int64", place);
        return out.varint64(low, high);
      }
      case "fixed64":
      case "sfixed64": {
        const { low, high } = this.#integer64(scalar === "sfixed64", place);
        return out.fixed64(low, high);
      }
    }
  }

  #string(place: number): void {
    const json = this.#json;
    if (json.peek() !== quote) this.#refuse(place, "should be a string of whole characters");
    json.string();
    const { bytes, start, end } = json;
    if (json.isPlain) {
      this.#out.varint(end - start);
      this.#out.copy(bytes, start, end);
      return;
    }
    const text = json.text();
    // A lone surrogate has no UTF-8.
    if (!text.isWellFormed()) this.#refuse(place, "should be a string of whole characters");
    this.#content(Buffer.from(text));
  }

  #base64(place: number): void {
    const json = this.#json;
    if (json.peek() !== quote) this.#refuse(place, "should be base64");
    json.string();
    const text = json.text();
    if (!/^[\w+/-]*={0,2}$/.test(text)) this.#refuse(place, "should be base64");
    this.#content(Buffer.from(text, "base64"));
  }

  /** The bytes of a string without escapes. */
  #plainString(): TextRange {
    const json = this.#json;
    json.string();
    if (json.isPlain) return json;
    const bytes = Buffer.from(json.text());
    return { bytes, start: 0, end: bytes.length };
  }

  #content(content: Buffer): void {
    this.#out.varint(content.length);
    this.#out.copy(content, 0, content.length);
  }

  #hex(place: number): void {
    const json = this.#json;
    if (json.peek() !== quote) this.#refuse(place, "should be pairs of hexadecimal digits");
    const { bytes, start, end } = this.#plainString();
    if ((end - start) % 2 !== 0) this.#refuse(place, "should be pairs of hexadecimal digits");
    this.#out.varint((end - start) / 2);
    for (let at = start; at < end; at += 2) {
      const upper = hexDigits[bytes[at]!]!;
      const lower = hexDigits[bytes[at + 1]!]!;
      if (upper === 16 || lower === 16) this.#refuse(place, "should be pairs of hexadecimal digits");
      this.#out.byte(upper * 16 + lower);
    }
  }

  #double(place: number): number {
    const json = this.#json;
    const first = json.peek();
    if (first === minus || isDigit(first)) {
      json.number();
      return json.numberValue();
    }
    if (first === quote) {
      json.string();
      const text = json.text();
      if (text === "NaN" || text === "Infinity" || text === "-Infinity") return Number(text);
      if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return Number(text);
    }
    return this.#refuse(place, `should be a number, "NaN", "Infinity" or "-Infinity"`);
  }

  /** The spec allows strings only for 64 bits, but the JSON mapping of protobuf reads them for 32 as well. */
  #integer32({ least, most }: { readonly least: number; readonly most: number }, place: number): number {
    const json = this.#json;
    const first = json.peek();
    let value = Number.NaN;
    if (first === minus || isDigit(first)) {
      json.number();
      value = json.numberValue();
    } else if (first === quote) {
      json.string();
      const text = json.text();
      if (/^-?\d{1,10}$/.test(text)) value = Number(text);
    }
    if (!Number.isInteger(value)) this.#refuse(place, "should be an integer");
    if (value < least || value > most) this.#refuse(place, `should lie between ${least} and ${most}`);
    return value;
  }

  /** As two's complement, until the next one is read. */
  #integer64(isSigned: boolean, place: number): JsonInteger {
    const json = this.#json;
    const integer = this.#integer;
    const first = json.peek();
    let isRead = false;
    if (first === quote) {
      const text = this.#plainString();
      if (!isIntegerText(text))
        this.#refuse(place, "should be an integer, as a number or a string of digits");
      isRead = integer.read(text.bytes, text.start, text.end);
    } else if (first === minus || isDigit(first)) {
      json.number();
      if (json.isInteger) isRead = integer.read(json.bytes, json.start, json.end);
      else {
        // As in 1.5e3: exact as far as such a number is.
        const value = json.numberValue();
        if (!Number.isInteger(value))
          this.#refuse(place, "should be an integer, as a number or a string of digits");
        const digits = Buffer.from(String(BigInt(value)));
        isRead = integer.read(digits, 0, digits.length);
      }
    } else this.#refuse(place, "should be an integer, as a number or a string of digits");
    const isWithin = isRead && (isSigned ? integer.sign() : !integer.isNegative || integer.isZero);
    if (!isWithin) this.#refuse(place, `should lie ${isSigned ? int64Range : uint64Range}`);
    return integer;
  }

  /** Refuses the value of the field at depth `length - 1`, or the body. */
  #refuse(length: number, what: string): never {
    if (this.#json.peek() === -1) this.#json.fail("it ends too early");
    let path = "";
    for (let depth = 0; depth < length; depth += 1) {
      const index = this.#indexes[depth]!;
      const { name } = this.#fields[depth]!.field;
      path += `${path === "" ? "" : "."}${name}${index < 0 ? "" : `[${index}]`}`;
    }
    throw new CollectorError("QUARTET_OTLP_INVALID", `${path === "" ? "the body" : path} ${what}`);
  }
}

/** `-?[0-9]{1,20}` */
function isIntegerText({ bytes, start, end }: TextRange): boolean {
  const first = bytes[start] === minus ? start + 1 : start;
  if (end === first || end - first > 20) return false;
  for (let at = first; at < end; at += 1) if (!isDigit(bytes[at]!)) return false;
  return true;
}
