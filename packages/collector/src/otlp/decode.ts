import { CollectorError } from "../model/index.ts";
import { requests, type Field, type Message } from "./schema.ts";
import { wireBytes, wireFixed32, wireFixed64, wireVarint, WireCursor } from "./wire.ts";

/** An object of OTLP/JSON: ids in hex, 64-bit integers as decimal strings, absent fields left out. */
export type Plain = Record<string, unknown>;

const depthMax = 64;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Decodes a request (or several concatenated) to the objects of OTLP/JSON, for people and for the few data points of metrics.
 * @throws CollectorError QUARTET_OTLP_INVALID naming field and byte.
 */
export function decodeRequest(signal: "spans" | "logs" | "metrics", bytes: Uint8Array): Plain {
  return decodeMessage(requests[signal], new WireCursor(bytes), bytes.length, 0);
}

function decodeMessage(message: Message, cursor: WireCursor, end: number, depth: number): Plain {
  if (depth > depthMax) cursor.fail(`${message.name} is nested too deeply`);
  const plain: Plain = {};
  while (cursor.position < end) {
    cursor.tag(end);
    const field = message.byNumber.get(cursor.field);
    if (field === undefined) cursor.skip(end);
    else decodeField(plain, field, cursor, end, depth);
  }
  return plain;
}

function decodeField(plain: Plain, field: Field, cursor: WireCursor, end: number, depth: number): void {
  const { type, name, isRepeated } = field;
  if (typeof type === "function") {
    cursor.content(end);
    const contentEnd = cursor.end;
    cursor.position = cursor.start;
    const value = decodeMessage(type(), cursor, contentEnd, depth + 1);
    if (isRepeated) listOf(plain, name).push(value);
    else plain[name] = value;
    return;
  }
  if (isRepeated && cursor.wireType === wireBytes && type !== "string" && type !== "bytes") {
    cursor.content(end);
    const contentEnd = cursor.end;
    const list = listOf(plain, name);
    cursor.position = cursor.start;
    while (cursor.position < contentEnd) list.push(decodeScalar(field, cursor, contentEnd));
    return;
  }
  const wanted = wireTypeOf(field);
  if (cursor.wireType !== wanted)
    cursor.fail(`${name} has wire type ${cursor.wireType} instead of ${wanted}`);
  const value = decodeScalar(field, cursor, end);
  if (isRepeated) listOf(plain, name).push(value);
  else plain[name] = value;
}

function listOf(plain: Plain, name: string): unknown[] {
  return (plain[name] ??= []) as unknown[];
}

export function wireTypeOf({ type }: Field): number {
  switch (type) {
    case "string":
    case "bytes":
    case "id":
      return wireBytes;
    case "double":
    case "fixed64":
    case "sfixed64":
      return wireFixed64;
    case "fixed32":
      return wireFixed32;
    case "bool":
    case "uint32":
    case "int32":
    case "sint32":
    case "uint64":
    case "int64":
      return wireVarint;
    default:
      return wireBytes;
  }
}

function decodeScalar(field: Field, cursor: WireCursor, end: number): unknown {
  const { bytes } = cursor;
  switch (field.type) {
    case "string":
      cursor.content(end);
      try {
        return utf8.decode(bytes.subarray(cursor.start, cursor.end));
      } catch (cause) {
        throw new CollectorError(
          "QUARTET_OTLP_INVALID",
          `${field.name} is no UTF-8 at byte ${cursor.start}`,
          { cause },
        );
      }
    case "bytes":
      cursor.content(end);
      return Buffer.from(bytes.subarray(cursor.start, cursor.end)).toString("base64");
    case "id":
      cursor.content(end);
      return Buffer.from(bytes.subarray(cursor.start, cursor.end)).toString("hex");
    case "bool":
      return cursor.varint(end) !== 0;
    case "uint32":
      return cursor.varint(end) >>> 0;
    case "int32":
      return Number(BigInt.asIntN(32, cursor.bigVarint(end)));
    case "sint32": {
      const zigzag = cursor.varint(end);
      return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    }
    case "uint64":
      return cursor.bigVarint(end).toString();
    case "int64":
      return BigInt.asIntN(64, cursor.bigVarint(end)).toString();
    case "double":
      return viewOf(bytes).getFloat64(cursor.fixed(8, end), true);
    case "fixed64":
      return viewOf(bytes).getBigUint64(cursor.fixed(8, end), true).toString();
    case "sfixed64":
      return viewOf(bytes).getBigInt64(cursor.fixed(8, end), true).toString();
    case "fixed32":
      return viewOf(bytes).getUint32(cursor.fixed(4, end), true);
    default:
      return cursor.fail(`${field.name} is no scalar`);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
