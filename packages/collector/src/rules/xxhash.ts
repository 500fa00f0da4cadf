const prime1 = 11_400_714_785_074_694_791n;
const prime2 = 14_029_467_366_897_019_727n;
const prime3 = 1_609_587_929_392_839_161n;
const prime4 = 9_650_029_242_287_828_579n;
const prime5 = 2_870_177_450_012_600_261n;

const wrap = (value: bigint) => BigInt.asUintN(64, value);
const rotate = (value: bigint, bits: bigint) => wrap((value << bits) | (value >> (64n - bits)));
const round = (state: bigint, input: bigint) => wrap(rotate(wrap(state + input * prime2), 31n) * prime1);
const merge = (state: bigint, lane: bigint) => wrap((state ^ round(0n, lane)) * prime1 + prime4);

/**
 * XXH64 with seed 0, for a few bytes: Prometheus spreads rule groups over their interval by it.
 * @see xxHash specification, "XXH64 algorithm description"
 */
export function xxhash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  let hash: bigint;
  if (bytes.length >= 32) {
    let lanes = [wrap(prime1 + prime2), prime2, 0n, wrap(-prime1)];
    for (; position + 32 <= bytes.length; position += 32) {
      const start = position;
      lanes = lanes.map((lane, index) => round(lane, view.getBigUint64(start + 8 * index, true)));
    }
    const [first, second, third, fourth] = lanes as [bigint, bigint, bigint, bigint];
    hash = wrap(rotate(first, 1n) + rotate(second, 7n) + rotate(third, 12n) + rotate(fourth, 18n));
    for (const lane of lanes) hash = merge(hash, lane);
  } else hash = prime5;
  hash = wrap(hash + BigInt(bytes.length));
  for (; position + 8 <= bytes.length; position += 8) {
    hash ^= round(0n, view.getBigUint64(position, true));
    hash = wrap(rotate(hash, 27n) * prime1 + prime4);
  }
  if (position + 4 <= bytes.length) {
    hash ^= wrap(BigInt(view.getUint32(position, true)) * prime1);
    hash = wrap(rotate(hash, 23n) * prime2 + prime3);
    position += 4;
  }
  for (; position < bytes.length; position += 1) {
    hash ^= wrap(BigInt(view.getUint8(position)) * prime5);
    hash = wrap(rotate(hash, 11n) * prime1);
  }
  hash = wrap((hash ^ (hash >> 33n)) * prime2);
  hash = wrap((hash ^ (hash >> 29n)) * prime3);
  return hash ^ (hash >> 32n);
}
