import { constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { smallDecompressors } from "./decompress-small.ts";

const compressors: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => gzipSync(bytes),
  deflate: (bytes) => deflateSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
};
const encodings = Object.keys(compressors);
const sizeBytesMax = 1024 * 1024;

function decompress(encoding: string, packed: Buffer): Buffer | undefined {
  return smallDecompressors.get(encoding)!(packed, sizeBytesMax);
}

function textOf(sizeBytes: number): Buffer {
  return Buffer.from("a span of some length, ".repeat(Math.ceil(sizeBytes / 23))).subarray(0, sizeBytes);
}

test.each(encodings)("%s of every length up to the bound comes back as it was", (encoding) => {
  for (const sizeBytes of [0, 1, 255, 256, 300, 16_384, 65_791, 65_792, 270_000, sizeBytesMax]) {
    const bytes = textOf(sizeBytes);
    expect(decompress(encoding, compressors[encoding]!(bytes))?.equals(bytes)).toBe(true);
  }
});

test.each(encodings)("one byte more in %s than the bound is no small body", (encoding) => {
  expect(decompress(encoding, compressors[encoding]!(textOf(sizeBytesMax + 1)))).toBe(undefined);
});

test.each(encodings)("%s that is cut short or no such thing fails at every length", (encoding) => {
  const packed = compressors[encoding]!(textOf(1_000));
  for (let sizeBytes = 1; sizeBytes < packed.length; sizeBytes += 1)
    expect(() => decompress(encoding, packed.subarray(0, sizeBytes))).toThrow(/unexpected end of file/);
  const text = Buffer.from("not compressed, and longer than a header");
  expect(() => decompress(encoding, text)).toThrow(/incorrect header check|Unknown frame descriptor/);
});

test("a gzip that lies about its length costs no more than the bound, and fails", () => {
  for (const length of [0, 1, 0xffff_ffff]) {
    const packed = gzipSync(textOf(100_000));
    packed.writeUInt32LE(length, packed.length - 4);
    expect(() => decompress("gzip", packed)).toThrow("incorrect length check");
  }
});

test("of gzip in several members all come, though the last one only tells its length", () => {
  const members = [100_000, 1, 300_000, 5].map(textOf);
  const packed = Buffer.concat(members.map((bytes) => gzipSync(bytes)));
  expect(decompress("gzip", packed)?.equals(Buffer.concat(members))).toBe(true);
});

test("a zstd frame without its length comes whole, and several are refused", () => {
  const bytes = textOf(400_000);
  const silent = zstdCompressSync(bytes, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } });
  expect(decompress("zstd", silent)?.equals(bytes)).toBe(true);
  const two = Buffer.concat([zstdCompressSync(textOf(10)), zstdCompressSync(bytes)]);
  expect(() => decompress("zstd", two)).toThrow("send all in one frame");
});

test("what has its length in its header lies in one piece of memory of about that size", () => {
  for (const encoding of ["gzip", "zstd"]) {
    const bytes = decompress(encoding, compressors[encoding]!(textOf(270_000)));
    expect(bytes?.buffer.byteLength).toBe(270_064);
  }
});
