export interface WireField {
  readonly number: number;
  /** Of a varint; beyond 2^53 it is not exact. */
  readonly value?: number;
  /** Of a field with a length. */
  readonly bytes?: Buffer;
}

/** All fields of a small protobuf message; undefined when it does not parse. */
export function readFields(bytes: Buffer): WireField[] | undefined {
  const fields: WireField[] = [];
  let position = 0;
  const varint = (): number | undefined => {
    let value = 0;
    for (let index = 0; index < 10; index += 1) {
      const byte = bytes[position];
      if (byte === undefined) return undefined;
      position += 1;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (position < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag < 8) return undefined;
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: {
        const value = varint();
        if (value === undefined) return undefined;
        fields.push({ number, value });
        break;
      }
      case 1:
        position += 8;
        break;
      case 2: {
        const size = varint();
        if (size === undefined || position + size > bytes.length) return undefined;
        fields.push({ number, bytes: bytes.subarray(position, position + size) });
        position += size;
        break;
      }
      case 5:
        position += 4;
        break;
      default:
        return undefined;
    }
  }
  return position === bytes.length ? fields : undefined;
}

/** The field's varint, the last one when there are several; undefined when there is none. */
export function varintOf(fields: readonly WireField[] | undefined, number: number): number | undefined {
  return fields?.findLast((field) => field.number === number && field.value !== undefined)?.value;
}

/** The field's bytes, the last ones when there are several; undefined when there are none. */
export function bytesOf(fields: readonly WireField[] | undefined, number: number): Buffer | undefined {
  return fields?.findLast((field) => field.number === number && field.bytes !== undefined)?.bytes;
}
