import type { ProtobufWriter } from "./protobuf.ts";

/** Deeper values are written as the text of what they are: nothing that a person reads is nested deeper. */
const depthMax = 8;

/**
 * Writes attributes as repeated KeyValue messages.
 * Values: strings, numbers (whole ones as int), booleans, bigint, bytes, arrays, objects, null; `undefined` and functions are left out.
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto
 */
export function writeAttributes(
  writer: ProtobufWriter,
  field: number,
  attributes: Readonly<Record<string, unknown>>,
): void {
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined && typeof value !== "function") writeAttribute(writer, field, key, value);
  }
}

/** Writes one KeyValue message. */
export function writeAttribute(writer: ProtobufWriter, field: number, key: string, value: unknown): void {
  writeKeyValue(writer, field, { key, value, depth: 0 });
}

/** Writes one AnyValue message. */
export function writeAnyValue(writer: ProtobufWriter, field: number, value: unknown): void {
  const start = writer.open(field);
  writeValue(writer, value, 0);
  writer.close(start);
}

function writeKeyValue(
  writer: ProtobufWriter,
  field: number,
  { key, value, depth }: { key: string; value: unknown; depth: number },
): void {
  const start = writer.open(field);
  writer.string(1, key);
  const valueStart = writer.open(2);
  writeValue(writer, value, depth);
  writer.close(valueStart);
  writer.close(start);
}

function writeValue(writer: ProtobufWriter, value: unknown, depth: number): void {
  switch (typeof value) {
    case "string":
      return writer.string(1, value);
    case "boolean":
      return writer.integer(2, value ? 1 : 0);
    case "number":
      return Number.isSafeInteger(value) ? writer.integer(3, value) : writer.double(4, value);
    case "bigint":
      return writeBigint(writer, value);
    case "object":
      return writeObject(writer, value, depth);
    case "undefined":
    case "function":
    case "symbol":
      // An AnyValue without a field means "empty".
      return;
  }
}

function writeBigint(writer: ProtobufWriter, value: bigint): void {
  if (BigInt.asIntN(64, value) === value) writer.bigint(3, value);
  else writer.string(1, String(value));
}

function writeObject(writer: ProtobufWriter, value: object | null, depth: number): void {
  if (value === null) return;
  if (value instanceof Uint8Array) return writer.bytes(7, value);
  if (value instanceof Date) return writer.string(1, String(value));
  if (depth >= depthMax) return writer.string(1, Object.prototype.toString.call(value));
  if (Array.isArray(value)) {
    const start = writer.open(5);
    for (const item of value) {
      const itemStart = writer.open(1);
      writeValue(writer, item, depth + 1);
      writer.close(itemStart);
    }
    return writer.close(start);
  }
  const start = writer.open(6);
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined && typeof item !== "function")
      writeKeyValue(writer, 1, { key, value: item, depth: depth + 1 });
  }
  writer.close(start);
}
