import { CollectorError, lazyRequire } from "../model/index.ts";

const snappy = lazyRequire("snappy") as () => typeof import("snappy");

/** Snappy's block format, which remote write and Loki clients send; not the framed one of files. */
export function compressSnappy(bytes: Uint8Array): Buffer {
  return snappy().compressSync(bytes);
}

/**
 * The content of a block. Its first bytes say how large that is, so a block over the limit costs nothing.
 * @throws CollectorError QUARTET_SNAPPY_INVALID, QUARTET_OTLP_TOO_LARGE over `sizeBytesMax`; neither is to be retried.
 * @see Snappy format description, "Preamble"
 */
export function uncompressSnappy(bytes: Uint8Array, sizeBytesMax: number): Buffer {
  const sizeBytes = snappyContentSizeBytes(bytes);
  if (sizeBytes > sizeBytesMax) {
    throw new CollectorError(
      "QUARTET_OTLP_TOO_LARGE",
      `the request has ${sizeBytes} bytes after decompression, more than ${sizeBytesMax}`,
    );
  }
  try {
    return snappy().uncompressSync(bytes, { asBuffer: true }) as Buffer;
  } catch (cause) {
    throw invalid((cause as Error).message, cause);
  }
}

/** How large the content of a block is, by its own word. @throws CollectorError QUARTET_SNAPPY_INVALID */
export function snappyContentSizeBytes(bytes: Uint8Array): number {
  // A varint of 32 bits.
  let sizeBytes = 0;
  for (let index = 0; index < 5; index += 1) {
    const byte = bytes[index];
    if (byte === undefined) break;
    sizeBytes += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return sizeBytes;
  }
  throw invalid("it does not begin with a size");
}

function invalid(what: string, cause?: unknown): CollectorError {
  return new CollectorError(
    "QUARTET_SNAPPY_INVALID",
    `the body is no block of snappy: ${what.replace(/^snappy: /, "")}`,
    { cause },
  );
}
