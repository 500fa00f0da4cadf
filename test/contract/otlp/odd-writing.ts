import fc from "fast-check";
import protobuf from "protobufjs";

/**
 * The same message written as no SDK writes it, but as every decoder must read it: tags and lengths longer than need be, fields in
 * another order, unknown fields in between, elements of lists twice. `choose` gives a number below its argument.
 */
export function writeOddly(
  type: protobuf.Type,
  bytes: Uint8Array,
  choose: (below: number) => number,
): Uint8Array {
  const fields: Uint8Array[] = [];
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = type.fieldsById[tag >>> 3]?.resolve();
    const contentStart = reader.pos;
    let written: Uint8Array;
    if ((tag & 7) === 2) {
      const content = reader.bytes();
      const inner = field?.resolvedType;
      const rewritten = inner instanceof protobuf.Type ? writeOddly(inner, content, choose) : content;
      written = Buffer.concat([padded(tag, choose), padded(rewritten.length, choose), rewritten]);
    } else {
      reader.skipType(tag & 7);
      written = Buffer.concat([padded(tag, choose), bytes.subarray(contentStart, reader.pos)]);
    }
    if (choose(6) === 0) fields.push(unknownField(choose));
    fields.push(written);
    if (field?.repeated === true && choose(8) === 0) fields.push(written);
    if (fields.length > 1 && choose(6) === 0) fields.push(fields.splice(fields.length - 2, 1)[0]!);
  }
  return Buffer.concat(fields);
}

/** A varint with up to two bytes that say nothing; never longer than the five bytes of 32 bits. */
function padded(value: number, choose: (below: number) => number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest >>>= 7) bytes.push(rest & 0x7f);
  if (choose(4) === 0)
    bytes.push(...Array.from({ length: Math.min(1 + choose(2), 5 - bytes.length) }, () => 0));
  return Uint8Array.from(bytes, (byte, index) => (index < bytes.length - 1 ? byte | 0x80 : byte));
}

/** Fields of OTLP end at 16. */
function unknownField(choose: (below: number) => number): Uint8Array {
  const number = 17 + choose(200);
  const [wireType, content] = [
    [0, [0x96, 0x01]],
    [1, [1, 2, 3, 4, 5, 6, 7, 8]],
    [2, [3, 0xff, 0xfe, 0xfd]],
    [5, [1, 2, 3, 4]],
  ][choose(4)] as [number, number[]];
  return Buffer.concat([padded(number * 8 + wireType, () => 1), Uint8Array.from(content)]);
}

/** What makes `writeOddly` write differently each time. */
export const oddChoices: fc.Arbitrary<(below: number) => number> = fc
  .array(fc.nat(0xffff), { minLength: 64, maxLength: 64 })
  .map((numbers) => {
    let next = 0;
    return (below) => numbers[next++ % numbers.length]! % below;
  });
