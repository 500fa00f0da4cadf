import { gunzipSync, inflateSync } from "node:zlib";
import { contentSizeOf, decompressFrame } from "./zstd.ts";

/** Undefined when it is no small one: there are more than `sizeBytesMax`. @throws Error of zlib */
export type SmallDecompressor = (packed: Buffer, sizeBytesMax: number) => Buffer | undefined;

/** Where the body does not say how long it is. */
const chunkSizeDefault = 128 * 1024;
const chunkSizeMin = 16 * 1024;
/** The end of a stream is only seen by one who has room left. */
const spareBytes = 64;

/**
 * By Content-Encoding, for small bodies: the way to the thread pool and back, once for each chunk, costs more than the work itself.
 * What a body says of its own length makes it one chunk, without another copy; it may lie, and nothing but speed depends on it.
 */
export const smallDecompressors: ReadonlyMap<string, SmallDecompressor> = new Map([
  ["gzip", decompressAtOnce(gunzipSync, lengthInGzip)],
  ["deflate", decompressAtOnce(inflateSync, () => undefined)],
  ["zstd", decompressAtOnce(decompressFrame, contentSizeOf)],
]);

interface Sizes {
  readonly chunkSize: number;
  readonly maxOutputLength: number;
}

function decompressAtOnce(
  decompress: (packed: Buffer, sizes: Sizes) => Buffer,
  lengthIn: (packed: Buffer) => number | undefined,
): SmallDecompressor {
  return (packed, sizeBytesMax) => {
    const length = lengthIn(packed) ?? chunkSizeDefault;
    const chunkSize = Math.max(chunkSizeMin, Math.min(length, sizeBytesMax) + spareBytes);
    try {
      return decompress(packed, { chunkSize, maxOutputLength: sizeBytesMax });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return undefined;
      throw error;
    }
  };
}

/** Its last four bytes are the length modulo 2³², of the last member if there are several (RFC 1952, 2.3.1). */
function lengthInGzip(packed: Buffer): number | undefined {
  return packed.length < 18 ? undefined : packed.readUInt32LE(packed.length - 4);
}
