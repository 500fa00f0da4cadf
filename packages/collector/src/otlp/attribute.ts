import { ReverseWriter } from "./reverse-writer.ts";
import { wireBytes, wireFixed64, wireVarint } from "./wire.ts";

// Fields of KeyValue and AnyValue.
const fieldKey = 1;
const fieldValue = 2;
const fieldString = 1;
const fieldBool = 2;
const fieldInt = 3;
const fieldDouble = 4;

/** Content of a KeyValue; a number without a fraction is an integer. */
export function encodeAttribute(key: string, value: string | number | boolean): Uint8Array {
  const writer = new ReverseWriter(64);
  if (typeof value === "string") {
    writer.string(value);
    writer.tag(fieldString, wireBytes);
  } else if (typeof value === "boolean") {
    writer.varint(value ? 1 : 0);
    writer.tag(fieldBool, wireVarint);
  } else if (Number.isSafeInteger(value)) {
    writer.int64(value);
    writer.tag(fieldInt, wireVarint);
  } else {
    writer.double(value);
    writer.tag(fieldDouble, wireFixed64);
  }
  writer.message(fieldValue, 0);
  writer.string(key);
  writer.tag(fieldKey, wireBytes);
  return writer.take();
}
