import type { Labels } from "../model/index.ts";

const mask = (1n << 64n) - 1n;
const prime1 = 0x9e3779b185ebca87n;
const prime2 = 0xc2b2ae3d27d4eb4fn;
const prime3 = 0x165667b19e3779f9n;
const prime4 = 0x85ebca77c2b2ae63n;
const prime5 = 0x27d4eb2f165667c5n;

const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & mask;
const round = (state: bigint, input: bigint): bigint =>
  (rotate((state + input * prime2) & mask, 31n) * prime1) & mask;
const merge = (state: bigint, lane: bigint): bigint => ((state ^ round(0n, lane)) * prime1 + prime4) & mask;

/** xxHash64 with seed 0. */
export function xxHash64(bytes: Buffer): bigint {
  let offset = 0;
  let hash: bigint;
  if (bytes.length >= 32) {
    const lanes = [(prime1 + prime2) & mask, prime2, 0n, -prime1 & mask];
    for (; offset + 32 <= bytes.length; offset += 32) {
      for (let lane = 0; lane < 4; lane += 1) {
        lanes[lane] = round(lanes[lane]!, bytes.readBigUInt64LE(offset + lane * 8));
      }
    }
    const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint];
    hash = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & mask;
    for (const lane of lanes) hash = merge(hash, lane);
  } else hash = prime5;
  hash = (hash + BigInt(bytes.length)) & mask;
  for (; offset + 8 <= bytes.length; offset += 8) {
    hash = (rotate(hash ^ round(0n, bytes.readBigUInt64LE(offset)), 27n) * prime1 + prime4) & mask;
  }
  if (offset + 4 <= bytes.length) {
    hash =
      (rotate(hash ^ ((BigInt(bytes.readUInt32LE(offset)) * prime1) & mask), 23n) * prime2 + prime3) & mask;
    offset += 4;
  }
  for (; offset < bytes.length; offset += 1) {
    hash = (rotate(hash ^ ((BigInt(bytes[offset]!) * prime5) & mask), 11n) * prime1) & mask;
  }
  hash = ((hash ^ (hash >> 33n)) * prime2) & mask;
  hash = ((hash ^ (hash >> 29n)) * prime3) & mask;
  return hash ^ (hash >> 32n);
}

/** The bytes that Prometheus keeps labels in: each text after its length, in one byte or, from 255 on, in 255 and three. */
function encodeLabels(labels: Labels): Buffer {
  return Buffer.concat(
    labels.flatMap((text) => {
      const bytes = Buffer.from(text);
      const size = bytes.length;
      const head = size < 255 ? [size] : [255, size & 0xff, (size >> 8) & 0xff, (size >> 16) & 0xff];
      return [Buffer.from(head), bytes];
    }),
  );
}

/** Where a series lies between 0 and 1, always the same for the same labels, and as in Prometheus. */
export function sampleOffset(labels: Labels): number {
  return Number(xxHash64(encodeLabels(labels))) / 2 ** 64;
}
