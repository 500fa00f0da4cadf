/** What an Export…ServiceResponse says: the same shape for all three signals. */
export interface ExportResponse {
  readonly rejectedCount: number;
  readonly message: string;
}

/**
 * Reads partial_success (field 1: 1 rejected count, 2 message) from protobuf or JSON.
 * An answer that does not decode counts as full success: the status was 2xx.
 * @see https://opentelemetry.io/docs/specs/otlp/#partial-success
 */
export function parseExportResponse(answer: Buffer, contentType: string | undefined): ExportResponse {
  const isJson = contentType?.includes("json") === true;
  return isJson ? parseJson(answer.toString("utf8")) : parseProtobuf(answer);
}

const fullSuccess: ExportResponse = { rejectedCount: 0, message: "" };

function parseJson(text: string): ExportResponse {
  let value: unknown;
  try {
    value = JSON.parse(text === "" ? "{}" : text);
  } catch {
    return fullSuccess;
  }
  const partial = (value as { partialSuccess?: Record<string, unknown> } | null)?.partialSuccess;
  if (typeof partial !== "object" || partial === null) return fullSuccess;
  const count = partial["rejectedSpans"] ?? partial["rejectedLogRecords"] ?? partial["rejectedDataPoints"];
  const message = partial["errorMessage"];
  return {
    // JSON carries int64 as a string.
    rejectedCount: Number.isSafeInteger(Number(count)) ? Number(count) : 0,
    message: typeof message === "string" ? message : "",
  };
}

function parseProtobuf(bytes: Buffer): ExportResponse {
  let result = fullSuccess;
  for (const field of fieldsOf(bytes)) {
    if (field.number !== 1 || field.bytes === undefined) continue;
    for (const inner of fieldsOf(field.bytes)) {
      if (inner.number === 1 && inner.bytes === undefined) result = { ...result, rejectedCount: inner.value };
      if (inner.number === 2 && inner.bytes !== undefined)
        result = { ...result, message: inner.bytes.toString("utf8") };
    }
  }
  return result;
}

interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Buffer | undefined;
}

/** The fields of a message up to the first byte that makes no sense. */
function* fieldsOf(bytes: Buffer): Generator<Field> {
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; position < bytes.length; factor *= 128) {
      const byte = bytes[position++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    return Number.NaN;
  };
  while (position < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: {
        const value = varint();
        if (Number.isNaN(value)) return;
        yield { number, value, bytes: undefined };
        break;
      }
      case 1:
        position += 8;
        break;
      case 2: {
        const end = varint() + position;
        // `varint` moved on before `position` was read: `end` counts from behind the length.
        if (!(end <= bytes.length)) return;
        yield { number, value: 0, bytes: bytes.subarray(position, end) };
        position = end;
        break;
      }
      case 5:
        position += 4;
        break;
      default:
        return;
    }
  }
}
