const equals = 0x3d;
const comma = 0x2c;
const semicolon = 0x3b;
const colon = 0x3a;
const space = 0x20;
const tab = 0x09;
const letterO = 0x6f;
const letterT = 0x74;
const letterH = 0x68;

/** 14 hexadecimal digits, 56 bits. */
const digitsMax = 14;
const probabilitySpan = 2 ** 56;

/**
 * How many spans a sampled span stands for, from its tracestate (the bytes from `start` to `end`): 2^56 / (2^56 - T),
 * where T is the rejection threshold of the list member `ot=…;th:T;…`. Without a valid threshold it stands for itself.
 * Makes no string.
 * @see OpenTelemetry specification, "TraceState: Probability Sampling"
 */
export function adjustedCount(bytes: Uint8Array, start: number, end: number): number {
  let member = start;
  while (member < end) {
    while (member < end && (bytes[member] === space || bytes[member] === tab)) member += 1;
    let memberEnd = member;
    while (memberEnd < end && bytes[memberEnd] !== comma) memberEnd += 1;
    if (
      memberEnd - member > 3 &&
      bytes[member] === letterO &&
      bytes[member + 1] === letterT &&
      bytes[member + 2] === equals
    ) {
      return countOfMember(bytes, member + 3, memberEnd);
    }
    member = memberEnd + 1;
  }
  return 1;
}

function countOfMember(bytes: Uint8Array, start: number, end: number): number {
  let field = start;
  while (field < end) {
    let fieldEnd = field;
    while (fieldEnd < end && bytes[fieldEnd] !== semicolon) fieldEnd += 1;
    if (bytes[field] === letterT && bytes[field + 1] === letterH && bytes[field + 2] === colon) {
      return countOfThreshold(bytes, field + 3, fieldEnd);
    }
    field = fieldEnd + 1;
  }
  return 1;
}

function countOfThreshold(bytes: Uint8Array, start: number, valueEnd: number): number {
  let end = valueEnd;
  while (end > start && (bytes[end - 1] === space || bytes[end - 1] === tab)) end -= 1;
  if (end === start || end - start > digitsMax) return 1;
  // Trailing zeros may be left out, so the digits count from the left. 56 bits do not fit a float64 exactly, but a
  // threshold that close to 2^56 would stand for 10^16 spans.
  let threshold = 0;
  let weight = probabilitySpan / 16;
  for (let at = start; at < end; at += 1) {
    const digit = hexDigit(bytes[at]!);
    if (digit < 0) return 1;
    threshold += digit * weight;
    weight /= 16;
  }
  return threshold >= probabilitySpan ? 1 : probabilitySpan / (probabilitySpan - threshold);
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}
