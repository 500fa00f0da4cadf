export interface PartialSuccess {
  readonly rejectedCount: number;
  readonly message: string;
}

/**
 * Reads the body of an Export*ServiceResponse: field 1 is partial_success with the rejected count (1) and a message (2).
 * undefined when the body is no such message. An empty one is full success.
 * @see OTLP specification, "Partial Success"
 */
export function parseExportResponse(body: Buffer): PartialSuccess | undefined {
  const success: PartialSuccess = { rejectedCount: 0, message: "" };
  const fields = readFields(body);
  if (fields === undefined) return undefined;
  const partial = fields.findLast(({ number, bytes }) => number === 1 && bytes !== undefined)?.bytes;
  if (partial === undefined) return success;
  const inner = readFields(partial);
  if (inner === undefined) return undefined;
  const rejected = inner.findLast(({ number, value }) => number === 1 && value !== undefined)?.value ?? 0;
  const message = inner.findLast(({ number, bytes }) => number === 2 && bytes !== undefined)?.bytes;
  return { rejectedCount: rejected, message: message?.toString("utf8") ?? "" };
}

interface Field {
  readonly number: number;
  readonly value?: number;
  readonly bytes?: Buffer;
}

/** All fields of a message; undefined when it does not parse. */
function readFields(bytes: Buffer): Field[] | undefined {
  const fields: Field[] = [];
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
