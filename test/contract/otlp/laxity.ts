import protobuf from "protobufjs";

/**
 * Whether protobufjs is known to read these bytes otherwise than the protobuf specification says, so that it is no oracle for them:
 * a message field that comes twice (it replaces, the specification merges), two fields of a oneof (it keeps both),
 * numbers of six bytes and more in 32-bit fields, lengths, tags and bools (it takes ten bytes whatever they say).
 * Each has a test of its own in `differences.test.ts`. The bytes may be broken besides.
 */
export function isReadDifferently(type: protobuf.Type, bytes: Uint8Array): boolean {
  return check(type, bytes, 0, bytes.length);
}

const narrow = new Set(["uint32", "int32", "sint32", "bool"]);

function check(type: protobuf.Type, bytes: Uint8Array, start: number, end: number): boolean {
  const seen = new Set<string>();
  let position = start;
  const varint = (): number => {
    const from = position;
    let value = 0n;
    do value |= BigInt(bytes[position]! & 0x7f) << BigInt((position - from) * 7);
    while (bytes[position++]! >= 0x80);
    if (position - from > 5) isWide = true;
    return Number(value);
  };
  let isWide = false;
  while (position < end) {
    const tag = varint();
    const field = type.fieldsById[Math.floor(tag / 8)]?.resolve();
    const isNested = field?.resolvedType instanceof protobuf.Type;
    const group =
      field === undefined || field.repeated
        ? undefined
        : (field.partOf?.name ?? (isNested ? field.name : undefined));
    if (group !== undefined && seen.has(group)) return true;
    if (group !== undefined) seen.add(group);
    if (isWide) return true;
    switch (tag % 8) {
      case 0:
        varint();
        if (isWide && field !== undefined && narrow.has(field.type)) return true;
        isWide = false;
        break;
      case 1:
        position += 8;
        break;
      case 5:
        position += 4;
        break;
      default: {
        const length = varint();
        if (isWide) return true;
        if (
          isNested &&
          check(field.resolvedType as protobuf.Type, bytes, position, Math.min(end, position + length))
        )
          return true;
        position += length;
      }
    }
  }
  return false;
}
