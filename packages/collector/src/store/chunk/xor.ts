import { damaged, type ChunkReader, type ChunkWriter } from "./chunk-bytes.ts";

/**
 * Floats as what differs from the one before, bit by bit: nothing (one bit), within the bits that differed last time (two bits
 * and those), or within others (two bits, eleven that say which, and those).
 * @see Pelkonen et al., "Gorilla: A Fast, Scalable, In-Memory Time Series Database", 2015, §4.1.2
 */

/** Leading zeros that can be told: five bits. */
const leadingMax = 31;

class BitWriter {
  readonly #writer: ChunkWriter;
  #free = 0;

  constructor(writer: ChunkWriter) {
    this.#writer = writer;
  }

  /** The lowest `count` bits of `bits`, at most 32. */
  write(bits: number, count: number): void {
    for (let left = count; left > 0;) {
      if (this.#free === 0) {
        this.#writer.byte(0);
        this.#free = 8;
      }
      const taken = Math.min(left, this.#free);
      const part = (bits >>> (left - taken)) & ((1 << taken) - 1);
      this.#free -= taken;
      this.#writer.bytes[this.#writer.length - 1]! |= part << this.#free;
      left -= taken;
    }
  }
}

/** `words` holds the bits of `count` floats, low half first. */
export function encodeXor(writer: ChunkWriter, words: Uint32Array, count: number): void {
  const bits = new BitWriter(writer);
  bits.write(words[1]!, 32);
  bits.write(words[0]!, 32);
  let leading = -1;
  let trailing = 0;
  for (let at = 1; at < count; at += 1) {
    const low = (words[at * 2]! ^ words[at * 2 - 2]!) >>> 0;
    const high = (words[at * 2 + 1]! ^ words[at * 2 - 1]!) >>> 0;
    if (low === 0 && high === 0) {
      bits.write(0, 1);
      continue;
    }
    const ownLeading = Math.min(leadingMax, high === 0 ? 32 + Math.clz32(low) : Math.clz32(high));
    const ownTrailing = low === 0 ? 32 + trailingZeros(high) : trailingZeros(low);
    if (leading >= 0 && ownLeading >= leading && ownTrailing >= trailing) bits.write(0b10, 2);
    else {
      leading = ownLeading;
      trailing = ownTrailing;
      bits.write(0b11, 2);
      bits.write(leading, 5);
      // 1 to 64 bits, told as 0 to 63.
      bits.write(63 - leading - trailing, 6);
    }
    writeMiddle(bits, high, low, { length: 64 - leading - trailing, trailing });
  }
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}

interface Middle {
  readonly length: number;
  readonly trailing: number;
}

/** The bits between the zeros in front and those behind. */
function writeMiddle(bits: BitWriter, high: number, low: number, { length, trailing }: Middle): void {
  const inHigh = length + trailing - 32;
  if (trailing >= 32) bits.write(high >>> (trailing - 32), length);
  else if (inHigh <= 0) bits.write(low >>> trailing, length);
  else {
    bits.write(high, inHigh);
    bits.write(low >>> trailing, 32 - trailing);
  }
}

/** Fills the bits of `count` floats from float `start` on. @throws CollectorError QUARTET_BLOCK_INVALID */
export function decodeXor(reader: ChunkReader, words: Uint32Array, start: number, count: number): void {
  const { bytes } = reader;
  const endBit = reader.end * 8;
  let position = reader.offset * 8;
  // At most 32 bits, as an unsigned number.
  const read = (size: number): number => {
    if (position + size > endBit) throw damaged("it ends too early");
    const at = position >>> 3;
    const offset = position & 7;
    position += size;
    const four =
      ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) << offset;
    const all = offset === 0 ? four : four | (bytes[at + 4]! >>> (8 - offset));
    return all >>> (32 - size);
  };
  let high = read(32);
  let low = read(32);
  words[start * 2] = low;
  words[start * 2 + 1] = high;
  let length = 0;
  let trailing = 0;
  for (let at = start + 1; at < start + count; at += 1) {
    if (read(1) === 1) {
      if (read(1) === 1) {
        const leading = read(5);
        length = read(6) + 1;
        trailing = 64 - leading - length;
        if (trailing < 0) throw damaged("it has floats of more than 64 bits");
      } else if (length === 0) throw damaged("it refers to bits that were never told");
      const inHigh = length + trailing - 32;
      if (trailing >= 32) high ^= read(length) << (trailing - 32);
      else if (inHigh <= 0) low ^= read(length) << trailing;
      else {
        high ^= read(inHigh);
        low ^= read(32 - trailing) << trailing;
      }
    }
    words[at * 2] = low;
    words[at * 2 + 1] = high;
  }
  reader.offset = (position + 7) >>> 3;
}
