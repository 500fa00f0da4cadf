import { CollectorError } from "../model/index.ts";
import { wireTypeOf } from "./field-table.ts";
import { ReverseWriter } from "./reverse-writer.ts";
import { depthMax, requests, type Field, type Message, type OtlpSignal } from "./schema.ts";
import { wireBytes } from "./wire.ts";

/** A field and the messages around it, for naming its place when something is wrong with it. */
interface Place {
  readonly field: Field;
  readonly outer: Place | undefined;
  /** In a list; -1 outside one. */
  readonly index: number;
}

/**
 * Encodes an object of OTLP/JSON (what `decodeRequest` gives, or what JSON.parse made of a request) as protobuf,
 * fields in the order of their numbers. Unknown fields are passed over, `null` and `undefined` mean absent.
 * @throws CollectorError QUARTET_OTLP_INVALID naming the path, as in `resourceSpans[0].scopeSpans[0].spans[3].traceId`.
 */
export function encodeRequest(signal: OtlpSignal, document: unknown): Uint8Array {
  const writer = new ReverseWriter(4096);
  encodeMessage(writer, document, { message: requests[signal], place: undefined, depth: 0 });
  return writer.take();
}

interface Target {
  readonly message: Message;
  readonly place: Place | undefined;
  readonly depth: number;
}

function encodeMessage(writer: ReverseWriter, value: unknown, { message, place, depth }: Target): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    fail(place, `should be an object (${message.name})`);
  if (depth > depthMax) fail(place, "is nested too deeply");
  const plain = value as Record<string, unknown>;
  let chosen: Field | undefined;
  for (let index = message.fields.length - 1; index >= 0; index -= 1) {
    const field = message.fields[index]!;
    // No field is called like a property that every object has.
    const item = plain[field.name];
    if (item === undefined || item === null) continue;
    if (field.oneOf !== undefined) {
      if (chosen !== undefined)
        fail(place, `holds both ${field.name} and ${chosen.name}, of which only one may be there`);
      chosen = field;
    }
    if (field.isRepeated) encodeList(writer, item, { field, outer: place, index: -1 }, depth);
    else encodeField(writer, item, { field, outer: place, index: -1 }, depth);
  }
}

function encodeList(writer: ReverseWriter, items: unknown, place: Place, depth: number): void {
  const { field, outer } = place;
  if (!Array.isArray(items)) fail(place, "should be a list");
  const isPacked = wireTypeOf(field) !== wireBytes;
  const { sizeBytes } = writer;
  for (let index = items.length - 1; index >= 0; index -= 1) {
    const item = (items as readonly unknown[])[index];
    if (isPacked) encodeScalar(writer, item, { field, outer, index });
    else encodeField(writer, item, { field, outer, index }, depth);
  }
  if (isPacked && items.length > 0) writer.message(field.number, sizeBytes);
}

function encodeField(writer: ReverseWriter, value: unknown, place: Place, depth: number): void {
  const { type, number } = place.field;
  if (typeof type === "function") {
    const { sizeBytes } = writer;
    encodeMessage(writer, value, { message: type(), place, depth: depth + 1 });
    writer.message(number, sizeBytes);
    return;
  }
  encodeScalar(writer, value, place);
  writer.tag(number, wireTypeOf(place.field));
}

function encodeScalar(writer: ReverseWriter, value: unknown, place: Place): void {
  const { type } = place.field;
  if (typeof type === "function") throw new TypeError("a message is no scalar");
  switch (type) {
    case "string":
      // A lone surrogate has no UTF-8.
      if (typeof value !== "string" || !value.isWellFormed())
        fail(place, "should be a string of whole characters");
      return writer.string(value);
    case "bytes":
      if (typeof value !== "string" || !/^[\w+/-]*={0,2}$/.test(value)) fail(place, "should be base64");
      return writer.bytes(Buffer.from(value, "base64"));
    case "trace_id":
    case "span_id":
      if (typeof value !== "string" || !/^([0-9a-fA-F]{2})*$/.test(value))
        fail(place, "should be pairs of hexadecimal digits");
      return writer.bytes(Buffer.from(value, "hex"));
    case "bool":
      if (typeof value !== "boolean") fail(place, "should be true or false");
      return writer.varint(value ? 1 : 0);
    case "double":
      return writer.double(doubleOf(value, place));
    case "uint32":
      return writer.varint(integerOf(value, { least: 0, most: 0xffff_ffff }, place));
    case "fixed32":
      return writer.fixed32(integerOf(value, { least: 0, most: 0xffff_ffff }, place));
    case "int32":
      // Every int32 of OTLP is an enum, of which only the number may be sent.
      if (typeof value !== "number") fail(place, "should be the number of the enum's value");
      return writer.int64(integerOf(value, int32, place));
    case "sint32": {
      const integer = integerOf(value, int32, place);
      return writer.varint(integer >= 0 ? integer * 2 : -integer * 2 - 1);
    }
    case "uint64":
      return writer.bigVarint(bigIntegerOf(value, uint64, place));
    case "int64":
      return writer.bigVarint(bigIntegerOf(value, int64, place));
    case "fixed64":
      return writer.bigFixed64(bigIntegerOf(value, uint64, place));
    case "sfixed64":
      return writer.bigFixed64(bigIntegerOf(value, int64, place));
  }
}

const int32 = { least: -0x8000_0000, most: 0x7fff_ffff };
const int64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };
const uint64 = { least: 0n, most: 2n ** 64n - 1n };

/** The spec allows strings only for 64 bits, but the JSON mapping of protobuf reads them for 32 as well. */
function integerOf(
  value: unknown,
  bounds: { least: number; most: number },
  place: Place | undefined,
): number {
  const integer = typeof value === "string" && /^-?\d{1,10}$/.test(value) ? Number(value) : value;
  if (typeof integer !== "number" || !Number.isInteger(integer)) return fail(place, "should be an integer");
  if (integer < bounds.least || integer > bounds.most)
    fail(place, `should lie between ${bounds.least} and ${bounds.most}`);
  return integer;
}

function bigIntegerOf(
  value: unknown,
  bounds: { least: bigint; most: bigint },
  place: Place | undefined,
): bigint {
  const isInteger = typeof value === "string" ? /^-?\d{1,20}$/.test(value) : Number.isInteger(value);
  if (!isInteger) fail(place, "should be an integer, as a number or a string of digits");
  const integer = BigInt(value as number | string);
  if (integer < bounds.least || integer > bounds.most)
    fail(place, `should lie between ${bounds.least} and ${bounds.most}`);
  return integer;
}

function doubleOf(value: unknown, place: Place | undefined): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") {
    if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
    if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value)) return Number(value);
  }
  return fail(place, `should be a number, "NaN", "Infinity" or "-Infinity"`);
}

function fail(place: Place | undefined, what: string): never {
  let path = "";
  for (let at = place; at !== undefined; at = at.outer) {
    path = `${at.field.name}${at.index < 0 ? "" : `[${at.index}]`}${path === "" ? "" : `.${path}`}`;
  }
  throw new CollectorError("QUARTET_OTLP_INVALID", `${path === "" ? "the body" : path} ${what}`);
}
