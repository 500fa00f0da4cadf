import { promisify } from "node:util";
import { constants, gzip, zstdCompress } from "node:zlib";

export type Compression = "none" | "gzip" | "zstd";

const gzipAsync = promisify(gzip);
const zstdAsync = promisify(zstdCompress);

/** The body as it goes over the wire. Compression happens beside the event loop, and is set for speed: the wire is a data centre's. */
export async function compressBody(
  pieces: readonly Uint8Array[],
  compression: Compression,
): Promise<readonly Uint8Array[]> {
  switch (compression) {
    case "none":
      return pieces;
    case "gzip":
      return [await gzipAsync(Buffer.concat(pieces), { level: 2 })];
    case "zstd":
      return [await zstdAsync(Buffer.concat(pieces), { params: { [constants.ZSTD_c_compressionLevel]: 1 } })];
  }
}
