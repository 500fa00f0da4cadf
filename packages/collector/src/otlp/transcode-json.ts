import { CollectorError } from "../model/index.ts";
import { ByteWriter } from "./byte-writer.ts";
import { wireTypeOf } from "./decode.ts";
import { requests, type Field, type Message } from "./schema.ts";
import { wireBytes } from "./wire.ts";

const depthMax = 64;

/**
 * OTLP/JSON to OTLP/protobuf. Unknown fields are passed over; ids are hex of either case, 64-bit integers numbers or strings, enums numbers.
 * @throws CollectorError QUARTET_OTLP_INVALID naming the path inside the document.
 * @see OTLP specification, "JSON Protobuf Encoding"
 */
export function transcodeJson(signal: "spans" | "logs" | "metrics", json: Uint8Array): Uint8Array {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (cause) {
    throw new CollectorError("QUARTET_OTLP_INVALID", `the body is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  return encodeRequest(signal, document);
}

/** Encodes an object of OTLP/JSON as protobuf. @throws CollectorError QUARTET_OTLP_INVALID naming the path. */
export function encodeRequest(signal: "spans" | "logs" | "metrics", document: unknown): Uint8Array {
  return encodeMessage(requests[signal], document, "", 0);
}

function encodeMessage(message: Message, value: unknown, path: string, depth: number): Uint8Array {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    fail(path, `should be an object (${message.name})`);
  if (depth > depthMax) fail(path, "is nested too deeply");
  const writer = new ByteWriter();
  for (const [name, item] of Object.entries(value)) {
    const field = message.byName.get(name);
    if (field === undefined || item === null || item === undefined) continue;
    const place = path === "" ? name : `${path}.${name}`;
    if (!field.isRepeated) {
      encodeField(writer, field, item, place, depth);
      continue;
    }
    if (!Array.isArray(item)) fail(place, "should be a list");
    encodeList(writer, field, item, place, depth);
  }
  return writer.take();
}

function encodeList(
  writer: ByteWriter,
  field: Field,
  items: readonly unknown[],
  path: string,
  depth: number,
): void {
  const isPacked = typeof field.type !== "function" && wireTypeOf(field) !== wireBytes;
  if (!isPacked) {
    for (const [index, item] of items.entries()) encodeField(writer, field, item, `${path}[${index}]`, depth);
    return;
  }
  const packed = new ByteWriter();
  for (const [index, item] of items.entries()) encodeScalar(packed, field, item, `${path}[${index}]`);
  writer.bytes(field.number, packed.take());
}

function encodeField(writer: ByteWriter, field: Field, value: unknown, path: string, depth: number): void {
  if (typeof field.type === "function") {
    writer.bytes(field.number, encodeMessage(field.type(), value, path, depth + 1));
    return;
  }
  switch (field.type) {
    case "string":
      if (typeof value !== "string") fail(path, "should be a string");
      // A lone surrogate has no UTF-8.
      if (!value.isWellFormed()) fail(path, "holds half a character");
      return writer.bytes(field.number, Buffer.from(value));
    case "bytes":
      if (typeof value !== "string" || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value))
        fail(path, "should be base64");
      return writer.bytes(field.number, Buffer.from(value, "base64"));
    case "id":
      if (typeof value !== "string" || !/^([0-9a-fA-F]{2})*$/.test(value))
        fail(path, "should be hexadecimal digits");
      return writer.bytes(field.number, Buffer.from(value, "hex"));
    case "bool":
    case "double":
    case "uint32":
    case "int32":
    case "sint32":
    case "fixed32":
    case "fixed64":
    case "sfixed64":
    case "uint64":
    case "int64":
      writer.tag(field.number, wireTypeOf(field));
      encodeScalar(writer, field, value, path);
  }
}

function encodeScalar(writer: ByteWriter, field: Field, value: unknown, path: string): void {
  switch (field.type) {
    case "bool":
      if (typeof value !== "boolean") fail(path, "should be true or false");
      return writer.varint(value ? 1 : 0);
    case "double":
      return writer.rawDouble(doubleOf(value, path));
    case "uint32":
      return writer.varint(Number(integerOf(value, 0n, 0xffff_ffffn, path)));
    case "fixed32":
      return writer.raw32(Number(integerOf(value, 0n, 0xffff_ffffn, path)));
    case "int32":
      return writer.bigVarint(integerOf(value, -0x8000_0000n, 0x7fff_ffffn, path));
    case "sint32": {
      const integer = Number(integerOf(value, -0x8000_0000n, 0x7fff_ffffn, path));
      return writer.varint(integer >= 0 ? integer * 2 : -integer * 2 - 1);
    }
    case "uint64":
      return writer.bigVarint(integerOf(value, 0n, 2n ** 64n - 1n, path));
    case "int64":
      return writer.bigVarint(integerOf(value, -(2n ** 63n), 2n ** 63n - 1n, path));
    case "fixed64":
      return writer.raw64(integerOf(value, 0n, 2n ** 64n - 1n, path));
    case "sfixed64":
      return writer.raw64(integerOf(value, -(2n ** 63n), 2n ** 63n - 1n, path));
    case "string":
    case "bytes":
    case "id":
    default:
      return fail(path, "is no number");
  }
}

function integerOf(value: unknown, least: bigint, most: bigint, path: string): bigint {
  const isInteger =
    typeof value === "number"
      ? Number.isInteger(value)
      : typeof value === "string" && /^-?\d{1,20}$/.test(value);
  if (!isInteger) fail(path, "should be an integer, as a number or a string of digits");
  const integer = BigInt(value as number | string);
  if (integer < least || integer > most) fail(path, `should lie between ${least} and ${most}`);
  return integer;
}

function doubleOf(value: unknown, path: string): number {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  if (typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value))) return Number(value);
  return fail(path, "should be a number");
}

function fail(path: string, what: string): never {
  throw new CollectorError("QUARTET_OTLP_INVALID", `${path === "" ? "the body" : path} ${what}`);
}
