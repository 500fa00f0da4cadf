import { constants, zstdDecompressSync, type ZstdDecompress, type ZstdOptions } from "node:zlib";

/** A window of 8 MiB, the largest that a sender may ask for (RFC 9659): it is memory that nobody counts. */
export const zstdParameters: Readonly<Record<number, number>> = { [constants.ZSTD_d_windowLogMax]: 23 };

/** Node's decoder says nothing of what stands behind the first frame; half a body must not pass for a whole one. */
export const severalFramesMessage = "something follows the first zstd frame; send all in one frame";

/** @throws Error of zlib, or when this one frame is not all */
export function decompressFrame(packed: Buffer, options: ZstdOptions): Buffer {
  const allOptions = { ...options, params: zstdParameters, info: true };
  const { buffer, engine } = zstdDecompressSync(packed, allOptions) as unknown as {
    readonly buffer: Buffer;
    readonly engine: ZstdDecompress;
  };
  if (engine.bytesWritten < packed.length) throw new Error(severalFramesMessage);
  return buffer;
}

/** The content size in the header of the first frame, which one written as a stream has not (RFC 8878, 3.1.1.1). */
export function contentSizeOf(packed: Buffer): number | undefined {
  if (packed.length < 18) return undefined;
  const descriptor = packed[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 0x03]!;
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryIdBytes;
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? packed[at] : undefined;
    case 1:
      return packed.readUInt16LE(at) + 256;
    case 2:
      return packed.readUInt32LE(at);
    default:
      return Number(packed.readBigUInt64LE(at));
  }
}
