import { damaged, type ChunkReader, type ChunkWriter } from "./chunk-bytes.ts";

/**
 * Columns of whole numbers. Of a column either the numbers are kept, their differences or the differences of those, whichever
 * takes fewest bytes; in groups of 32 as a base and what each has above it, in as many bits as the group's largest needs
 * (frame of reference). A stretch of equal numbers is one entry, however long.
 */
export const integerMax: number = 2 ** 50;

const groupLength = 32;
/** Bits are packed in planes of at most 24, which a 32-bit window reads at any bit offset. */
const planeBits = 24;
const planeScale = 2 ** planeBits;
/** Second differences of numbers within ±2^50, and what one of them has above another. */
const widthMax = 54;
const orderMax = 2;

/** Kept between calls; what a call leaves in them means nothing to the next. */
let residuals = new Float64Array(512);
let best = new Float64Array(512);

/** Appends `count` whole numbers, each within ±`integerMax`. */
export function encodeIntegers(writer: ChunkWriter, numbers: Float64Array, count: number): void {
  if (residuals.length < count) {
    residuals = new Float64Array(count * 2);
    best = new Float64Array(count * 2);
  }
  residuals.set(numbers.subarray(0, count));
  let order = 0;
  let bestBytes = Infinity;
  for (let tried = 0; tried <= Math.min(orderMax, count - 1); tried += 1) {
    if (tried > 0) difference(residuals, tried, count);
    const bytes = measure(residuals, tried, count);
    if (bytes >= bestBytes) continue;
    bestBytes = bytes;
    order = tried;
    best.set(residuals.subarray(0, count));
  }
  writer.byte(order);
  // In front of the residuals stand the first number and the first difference.
  for (let at = 0; at < order; at += 1) writer.signed(best[at]!);
  for (let at = order; at < count;) {
    const run = runLength(best, at, count);
    if (run >= groupLength || at + run === count) {
      writer.byte(0);
      writer.varint(run);
      writer.signed(best[at]!);
      at += run;
    } else {
      const end = Math.min(count, at + groupLength);
      writeGroup(writer, best, at, end);
      at = end;
    }
  }
}

/** Takes differences of the numbers from `from` on. */
function difference(numbers: Float64Array, from: number, count: number): void {
  for (let at = count - 1; at >= from; at -= 1) numbers[at] = numbers[at]! - numbers[at - 1]!;
}

function runLength(numbers: Float64Array, from: number, count: number): number {
  const value = numbers[from]!;
  let at = from + 1;
  while (at < count && numbers[at] === value) at += 1;
  return at - from;
}

/** About how many bytes the residuals from `from` on take. */
function measure(numbers: Float64Array, from: number, count: number): number {
  let bytes = from * 4;
  for (let at = from; at < count;) {
    const run = runLength(numbers, at, count);
    const isRun = run >= groupLength || at + run === count;
    const end = isRun ? at + run : Math.min(count, at + groupLength);
    const base = isRun ? numbers[at]! : minimum(numbers, at, end);
    bytes += 2 + (Math.log2(Math.abs(base) + 1) + 1) / 7;
    if (!isRun) bytes += (widthOf(numbers, at, end, base) * (end - at)) / 8;
    at = end;
  }
  return bytes;
}

function minimum(numbers: Float64Array, from: number, end: number): number {
  let least = numbers[from]!;
  for (let at = from + 1; at < end; at += 1) if (numbers[at]! < least) least = numbers[at]!;
  return least;
}

/** How many bits the largest number needs above `base`. */
function widthOf(numbers: Float64Array, from: number, end: number, base: number): number {
  let most = 0;
  for (let at = from; at < end; at += 1) if (numbers[at]! - base > most) most = numbers[at]! - base;
  return most < 2 ** 32 ? 32 - Math.clz32(most) : 64 - Math.clz32(Math.floor(most / 2 ** 32));
}

/** Width, base, then the planes from the low bits to the high ones. */
function writeGroup(writer: ChunkWriter, numbers: Float64Array, from: number, end: number): void {
  const base = minimum(numbers, from, end);
  const width = widthOf(numbers, from, end, base);
  if (width === 0) {
    writer.byte(0);
    writer.varint(end - from);
    writer.signed(base);
    return;
  }
  writer.byte(width);
  writer.signed(base);
  let scale = 1;
  for (let left = width; left > 0; left -= planeBits) {
    writePlane(writer, (at) => Math.floor((numbers[from + at]! - base) / scale) % planeScale, {
      width: Math.min(left, planeBits),
      count: end - from,
    });
    scale *= planeScale;
  }
}

function writePlane(
  writer: ChunkWriter,
  numberAt: (at: number) => number,
  { width, count }: { readonly width: number; readonly count: number },
): void {
  const sizeBytes = Math.ceil((width * count) / 8);
  writer.reserve(sizeBytes);
  const { bytes, length } = writer;
  bytes.fill(0, length, length + sizeBytes);
  for (let at = 0, bit = 0; at < count; at += 1, bit += width) {
    // Left-aligned in 32 bits, then moved to its bit offset: at most 31 bits from the byte on.
    const word = (numberAt(at) << (32 - width)) >>> (bit & 7);
    const place = length + (bit >>> 3);
    bytes[place]! |= word >>> 24;
    if ((bit & 7) + width > 8) bytes[place + 1]! |= (word >>> 16) & 0xff;
    if ((bit & 7) + width > 16) bytes[place + 2]! |= (word >>> 8) & 0xff;
    if ((bit & 7) + width > 24) bytes[place + 3]! |= word & 0xff;
  }
  writer.length += sizeBytes;
}

/** Reads `count` numbers into `into` from `start` on. @throws CollectorError QUARTET_BLOCK_INVALID */
export function decodeIntegers(reader: ChunkReader, into: Float64Array, start: number, count: number): void {
  const order = reader.byte();
  if (order > orderMax || order > count) throw damaged(`it has numbers of order ${order}`);
  const end = start + count;
  let at = start;
  for (let leading = 0; leading < order; leading += 1) into[at++] = reader.signed();
  while (at < end) {
    const width = reader.byte();
    if (width === 0) {
      const run = reader.count(end - at);
      if (run === 0) throw damaged("it has an empty run");
      into.fill(reader.signed(), at, at + run);
      at += run;
      continue;
    }
    if (width > widthMax) throw damaged(`it has numbers of ${width} bits`);
    const length = Math.min(groupLength, end - at);
    readGroup(reader, into, { at, length, width });
    at += length;
  }
  // Undoes the differences: the highest order first, each from behind its own leading number.
  for (let undone = order; undone > 0; undone -= 1) {
    for (let index = start + undone; index < end; index += 1) into[index] = into[index]! + into[index - 1]!;
  }
}

function readGroup(
  reader: ChunkReader,
  into: Float64Array,
  { at, length, width }: { readonly at: number; readonly length: number; readonly width: number },
): void {
  const base = reader.signed();
  readPlane(reader, into, { at, length, width: Math.min(width, planeBits) }, base);
  if (width <= planeBits) return;
  let scale = planeScale;
  for (let left = width - planeBits; left > 0; left -= planeBits) {
    addPlane(reader, into, { at, length, width: Math.min(left, planeBits) }, scale);
    scale *= planeScale;
  }
}

interface Plane {
  readonly at: number;
  readonly length: number;
  readonly width: number;
}

function readPlane(
  reader: ChunkReader,
  into: Float64Array,
  { at, length, width }: Plane,
  base: number,
): void {
  const start = reader.skip(Math.ceil((width * length) / 8));
  const { bytes } = reader;
  const shift = 32 - width;
  for (let index = 0, bit = 0; index < length; index += 1, bit += width) {
    into[at + index] = base + ((windowAt(bytes, start + (bit >>> 3)) << (bit & 7)) >>> shift);
  }
}

function addPlane(
  reader: ChunkReader,
  into: Float64Array,
  { at, length, width }: Plane,
  scale: number,
): void {
  const start = reader.skip(Math.ceil((width * length) / 8));
  const { bytes } = reader;
  const shift = 32 - width;
  for (let index = 0, bit = 0; index < length; index += 1, bit += width) {
    const high = (windowAt(bytes, start + (bit >>> 3)) << (bit & 7)) >>> shift;
    into[at + index] = into[at + index]! + high * scale;
  }
}

/** The four bytes from `at` on, the first one highest; behind the end of the memory there are zeros. */
function windowAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
