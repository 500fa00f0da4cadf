import { CollectorError } from "../model/index.ts";

/** Deeper than any request; a value nested deeper than `depthMax` is refused later, with its path. */
const jsonDepthMax = 512;
/** Values, each an object for a while: about 200 MB of them. A span with ten attributes has some sixty. */
const valuesMax = 4_000_000;
/** From 16 digits on JSON.parse rounds. */
const longDigits = 16;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const minus = 0x2d;
const nine = 0x39;
const zero = 0x30;

/**
 * JSON whose integers of 16 digits and more stand in quotes, which OTLP/JSON allows for 64-bit integers: JSON.parse would round them.
 * The same bytes when there are none. What is no JSON stays none.
 * Bounds: looks at every byte once; more than four million values or 512 levels are refused before any of them costs memory.
 * @throws CollectorError QUARTET_OTLP_TOO_LARGE, QUARTET_OTLP_INVALID
 */
export function quoteLongIntegers(json: Uint8Array): Uint8Array {
  const end = json.length;
  /** Where long integers start and end, in turn. */
  const places: number[] = [];
  let depth = 0;
  let values = 0;
  let position = 0;
  while (position < end) {
    const byte = json[position]!;
    if (byte === quote) {
      position = endOfString(json, position + 1);
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      values += 1;
      if (depth > jsonDepthMax)
        throw new CollectorError("QUARTET_OTLP_INVALID", "the body is nested too deeply");
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
    else if (byte === comma) {
      values += 1;
      if (values > valuesMax) {
        const message = `the body has more than ${valuesMax} values; send smaller batches`;
        throw new CollectorError("QUARTET_OTLP_TOO_LARGE", message);
      }
    } else if (byte === minus || (byte >= zero && byte <= nine)) {
      const start = position;
      position = endOfNumber(json, position + 1);
      if (position - start >= longDigits && isInteger(json, start, position) && !isKey(json, position))
        places.push(start, position);
      continue;
    }
    position += 1;
  }
  return places.length === 0 ? json : insertQuotes(json, places);
}

function endOfString(json: Uint8Array, start: number): number {
  let position = start;
  while (position < json.length) {
    const byte = json[position]!;
    if (byte === quote) return position + 1;
    position += byte === backslash ? 2 : 1;
  }
  return position;
}

/** Behind the last byte that a number may have. */
function endOfNumber(json: Uint8Array, start: number): number {
  let position = start;
  for (; position < json.length; position += 1) {
    const byte = json[position]!;
    const isPart = (byte >= zero && byte <= nine) || byte === 0x2e || byte === 0x65 || byte === 0x45;
    if (!isPart && byte !== minus && byte !== 0x2b) return position;
  }
  return position;
}

/** Digits only, with or without a sign, and no zero that leads: JSON has no such number, and should not get one. */
function isInteger(json: Uint8Array, start: number, end: number): boolean {
  const first = json[start] === minus ? start + 1 : start;
  if (json[first] === zero || end - first < longDigits) return false;
  for (let position = first; position < end; position += 1) {
    if (json[position]! < zero || json[position]! > nine) return false;
  }
  return true;
}

/** Whether a colon follows: keys without quotes are no JSON, and should not become any. */
function isKey(json: Uint8Array, end: number): boolean {
  let position = end;
  while (position < json.length && json[position]! <= 0x20) position += 1;
  return json[position] === 0x3a;
}

function insertQuotes(json: Uint8Array, places: readonly number[]): Uint8Array {
  const quoted = Buffer.allocUnsafeSlow(json.length + places.length);
  let from = 0;
  let to = 0;
  for (const place of places) {
    quoted.set(json.subarray(from, place), to);
    to += place - from;
    quoted[to] = quote;
    to += 1;
    from = place;
  }
  quoted.set(json.subarray(from), to);
  return quoted;
}
