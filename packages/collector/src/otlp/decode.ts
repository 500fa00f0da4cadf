import { isUtf8 } from "node:buffer";
import { wireTypeOf } from "./field-table.ts";
import { depthMax, requests, type Field, type Message, type OtlpSignal } from "./schema.ts";
import { wireBytes, WireCursor } from "./wire.ts";

/** An object of OTLP/JSON: ids in lower-case hex, 64-bit integers as decimal strings, bytes as base64, absent fields left out. */
export type Plain = Record<string, unknown>;

/**
 * Decodes a request (or several concatenated) to the objects of OTLP/JSON, for people and for the few data points of metrics.
 * Doubles are numbers, also those that JSON cannot hold.
 * @throws CollectorError QUARTET_OTLP_INVALID naming field and byte.
 */
export function decodeRequest(signal: OtlpSignal, bytes: Uint8Array): Plain {
  const plain: Plain = {};
  decodeMessage(plain, new WireCursor(bytes), { message: requests[signal], end: bytes.length, depth: 0 });
  return plain;
}

interface Place {
  readonly message: Message;
  readonly end: number;
  readonly depth: number;
}

function decodeMessage(plain: Plain, cursor: WireCursor, { message, end, depth }: Place): void {
  if (depth > depthMax) cursor.fail(`${message.name} is nested too deeply`);
  while (cursor.position < end) {
    const field = message.byNumber.get(cursor.tag(end));
    if (field === undefined) {
      cursor.skip(end);
      continue;
    }
    if (field.oneOf !== undefined) dropOthers(plain, message, field);
    decodeField(plain, field, cursor, { message, end, depth });
  }
}

/** Of fields that exclude one another the last one counts (protobuf, "Oneof Features"). */
function dropOthers(plain: Plain, message: Message, { name, oneOf }: Field): void {
  for (const other of message.fields)
    if (other.oneOf === oneOf && other.name !== name) delete plain[other.name];
}

function decodeField(plain: Plain, field: Field, cursor: WireCursor, { end, depth }: Place): void {
  const { type, name, isRepeated } = field;
  if (typeof type === "function") {
    cursor.content(end);
    const contentEnd = cursor.end;
    cursor.position = cursor.start;
    // A message that is not repeated but comes twice is merged (protobuf, "Last One Wins").
    const value: Plain = isRepeated ? {} : ((plain[name] as Plain | undefined) ?? {});
    decodeMessage(value, cursor, { message: type(), end: contentEnd, depth: depth + 1 });
    if (isRepeated) listOf(plain, name).push(value);
    else plain[name] = value;
    return;
  }
  const wanted = wireTypeOf(field);
  if (isRepeated && cursor.wireType === wireBytes && wanted !== wireBytes) {
    cursor.content(end);
    const contentEnd = cursor.end;
    const list = listOf(plain, name);
    cursor.position = cursor.start;
    while (cursor.position < contentEnd) list.push(decodeScalar(field, cursor, contentEnd));
    return;
  }
  cursor.expect(wanted);
  const value = decodeScalar(field, cursor, end);
  if (isRepeated) listOf(plain, name).push(value);
  else plain[name] = value;
}

function listOf(plain: Plain, name: string): unknown[] {
  return (plain[name] ??= []) as unknown[];
}

function decodeScalar({ type, name }: Field, cursor: WireCursor, end: number): unknown {
  const { bytes, view } = cursor;
  switch (type) {
    case "string": {
      cursor.content(end);
      const text = bufferOf(bytes, cursor.start, cursor.end);
      if (!isUtf8(text)) cursor.fail(`${name} is no UTF-8`);
      return text.toString();
    }
    case "bytes":
      cursor.content(end);
      return bufferOf(bytes, cursor.start, cursor.end).toString("base64");
    case "trace_id":
    case "span_id":
      cursor.content(end);
      return bufferOf(bytes, cursor.start, cursor.end).toString("hex");
    case "bool":
      return cursor.bigVarint(end) !== 0n;
    case "uint32":
      return Number(BigInt.asUintN(32, cursor.bigVarint(end)));
    case "int32":
      return Number(BigInt.asIntN(32, cursor.bigVarint(end)));
    case "sint32": {
      const zigzag = Number(BigInt.asUintN(32, cursor.bigVarint(end)));
      return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    }
    case "uint64":
      return cursor.bigVarint(end).toString();
    case "int64":
      return BigInt.asIntN(64, cursor.bigVarint(end)).toString();
    case "double":
      return view.getFloat64(cursor.fixed(8, end), true);
    case "fixed64":
      return view.getBigUint64(cursor.fixed(8, end), true).toString();
    case "sfixed64":
      return view.getBigInt64(cursor.fixed(8, end), true).toString();
    case "fixed32":
      return view.getUint32(cursor.fixed(4, end), true);
    default:
      // Messages are decoded above.
      throw new TypeError(`${name} is no scalar`);
  }
}

function bufferOf(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
}
