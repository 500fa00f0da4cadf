import { damaged, type ChunkReader, type ChunkWriter } from "./chunk-bytes.ts";
import { decodeIntegers, encodeIntegers, integerMax } from "./integers.ts";
import { decodeXor, encodeXor } from "./xor.ts";

/** How a column of floats is written. Every float keeps its bits, those of NaN and -0 too. */
const schemeRaw = 0;
const schemeConstant = 1;
/** Decimal numbers as whole ones, and those that are none with their place. */
const schemeDecimal = 2;
const schemeXor = 3;

/** Digits behind the point. */
const exponentMax = 9;
const powers = Array.from({ length: exponentMax + 1 }, (_, exponent) => 10 ** exponent);
/** One float in so many may be no decimal number. */
const exceptionShare = 8;
/** Below this many bytes a float, other schemes are not tried. */
const goodBytes = 2.5;

let whole = new Float64Array(512);

/** Appends `count` floats from `start` on. */
export function encodeValues(writer: ChunkWriter, values: Float64Array, start: number, count: number): void {
  const words = new Uint32Array(values.buffer, values.byteOffset + start * 8, count * 2);
  if (isConstant(words, count)) {
    writer.byte(schemeConstant);
    writeBits(writer, words, 0);
    return;
  }
  const before = writer.length;
  const isDecimal = encodeDecimal(writer, values, start, words, count);
  if (isDecimal && writer.length - before <= goodBytes * count) return;
  const decimal = isDecimal ? writer.bytes.slice(before, writer.length) : undefined;
  writer.rewind(before);
  writer.byte(schemeXor);
  encodeXor(writer, words, count);
  const xorBytes = writer.length - before;
  if (decimal !== undefined && decimal.length <= xorBytes) {
    writer.rewind(before);
    writer.append(decimal);
  } else if (xorBytes > 1 + count * 8) {
    writer.rewind(before);
    writer.byte(schemeRaw);
    for (let at = 0; at < count; at += 1) writeBits(writer, words, at);
  }
}

function isConstant(words: Uint32Array, count: number): boolean {
  for (let at = 1; at < count; at += 1) {
    if (words[at * 2] !== words[0] || words[at * 2 + 1] !== words[1]) return false;
  }
  return true;
}

/** False, with nothing written, when too many are no decimal numbers. */
function encodeDecimal(
  writer: ChunkWriter,
  values: Float64Array,
  start: number,
  words: Uint32Array,
  count: number,
): boolean {
  const exceptions: number[] = [];
  let exponent = 0;
  for (let at = 0; at < count; at += 1) {
    const needed = exponentOf(values[start + at]!, exponent);
    if (needed < 0) exceptions.push(at);
    else exponent = needed;
    if (exceptions.length * exceptionShare > count) return false;
  }
  if (whole.length < count) whole = new Float64Array(count * 2);
  const power = powers[exponent]!;
  // With digits found late, a number found early may have become too large.
  for (let at = 0, skipped = 0, last = 0; at < count; at += 1) {
    if (exceptions[skipped] === at) {
      skipped += 1;
      whole[at] = last;
      continue;
    }
    last = Math.round(values[start + at]! * power);
    if (Math.abs(last) > integerMax || last / power !== values[start + at]) return false;
    whole[at] = last;
  }
  writer.byte(schemeDecimal);
  writer.byte(exponent);
  writer.varint(exceptions.length);
  let next = 0;
  for (const at of exceptions) {
    writer.varint(at - next);
    writeBits(writer, words, at);
    next = at + 1;
  }
  encodeIntegers(writer, whole, count);
  return true;
}

/** How many digits behind the point a number needs, not fewer than `least`; -1 when no whole number stands for it. */
function exponentOf(value: number, least: number): number {
  if (value === 0) return Object.is(value, -0) ? -1 : least;
  for (let exponent = least; exponent <= exponentMax; exponent += 1) {
    const power = powers[exponent]!;
    const rounded = Math.round(value * power);
    if (Math.abs(rounded) > integerMax) return -1;
    if (rounded / power === value) return exponent;
  }
  return -1;
}

/** Reads `count` floats into `into` from `start` on. @throws CollectorError QUARTET_BLOCK_INVALID */
export function decodeValues(reader: ChunkReader, into: Float64Array, start: number, count: number): void {
  const words = new Uint32Array(into.buffer, into.byteOffset, into.length * 2);
  const scheme = reader.byte();
  switch (scheme) {
    case schemeConstant:
      readBits(reader, words, start);
      for (let at = start + 1; at < start + count; at += 1) {
        words[at * 2] = words[start * 2]!;
        words[at * 2 + 1] = words[start * 2 + 1]!;
      }
      return;
    case schemeDecimal:
      decodeDecimal(reader, into, words, { start, count });
      return;
    case schemeXor:
      decodeXor(reader, words, start, count);
      return;
    case schemeRaw:
      for (let at = start; at < start + count; at += 1) readBits(reader, words, at);
      return;
    default:
      throw damaged(`it has values of scheme ${scheme}`);
  }
}

function decodeDecimal(
  reader: ChunkReader,
  into: Float64Array,
  words: Uint32Array,
  { start, count }: { readonly start: number; readonly count: number },
): void {
  const power = powers[reader.byte()];
  if (power === undefined) throw damaged("it has numbers of too many digits");
  const exceptionCount = reader.count(count);
  /** Place in the column and place in the bytes, in turn. */
  const exceptions: number[] = [];
  let next = 0;
  for (let read = 0; read < exceptionCount; read += 1) {
    const at = next + reader.count(count);
    if (at >= count) throw damaged("it has an exception beyond its end");
    exceptions.push(start + at, reader.skip(8));
    next = at + 1;
  }
  decodeIntegers(reader, into, start, count);
  if (power !== 1) for (let at = start; at < start + count; at += 1) into[at] = into[at]! / power;
  for (let each = 0; each < exceptions.length; each += 2)
    copyBits(reader.bytes, exceptions[each + 1]!, words, exceptions[each]!);
}

function writeBits(writer: ChunkWriter, words: Uint32Array, at: number): void {
  writer.reserve(8);
  for (let half = 0; half < 2; half += 1) {
    const word = words[at * 2 + half]!;
    for (let shift = 0; shift < 32; shift += 8) writer.bytes[writer.length++] = (word >>> shift) & 0xff;
  }
}

function readBits(reader: ChunkReader, words: Uint32Array, at: number): void {
  copyBits(reader.bytes, reader.skip(8), words, at);
}

/** Little-endian, in whole words: as a number, a NaN may lose its bits on the way. */
function copyBits(bytes: Uint8Array, from: number, words: Uint32Array, at: number): void {
  for (let half = 0; half < 2; half += 1) {
    const place = from + half * 4;
    words[at * 2 + half] =
      (bytes[place]! | (bytes[place + 1]! << 8) | (bytes[place + 2]! << 16) | (bytes[place + 3]! << 24)) >>>
      0;
  }
}
