import { isAscii, isText } from "./text.ts";

/** What `readPlainSpan` fills in: the parts of a span that are its own. */
export interface SpanFields {
  /** 16 and 8 bytes; -1 also for ids that are zero or of another size. */
  traceIdStart: number;
  spanIdStart: number;
  /** -1 at the root of a trace. */
  parentSpanIdStart: number;
  traceStateStart: number;
  traceStateEnd: number;
  nameStart: number;
  nameEnd: number;
  /** SpanKind and StatusCode as the protocol numbers them; newer numbers come as they are. */
  kind: number;
  statusCode: number;
  /** W3C trace flags in the low 8 bits; see SpanFlags for the others. */
  flags: number;
  /** Unix nanoseconds in halves of 32 bits: a float64 cannot hold them, a BigInt costs an allocation. */
  startLow: number;
  startHigh: number;
  endLow: number;
  endHigh: number;
}

/** The largest value of a 32-bit half: beginning with it, the engine keeps these fields as float64 from the start. */
const halfMax = 0xffff_ffff;

export function emptySpanFields(): SpanFields {
  return {
    traceIdStart: -1,
    spanIdStart: -1,
    parentSpanIdStart: -1,
    traceStateStart: -1,
    traceStateEnd: -1,
    nameStart: -1,
    nameEnd: -1,
    kind: 0,
    statusCode: 0,
    flags: halfMax,
    startLow: halfMax,
    startHigh: halfMax,
    endLow: halfMax,
    endHigh: halfMax,
  };
}

// Tags of Span's fields as the one byte that they take: number * 8 + wire type.
const tagTraceId = 0x0a;
const tagSpanId = 0x12;
const tagTraceState = 0x1a;
const tagParentSpanId = 0x22;
const tagName = 0x2a;
const tagKind = 0x30;
const tagStart = 0x39;
const tagEnd = 0x41;
const tagAttributes = 0x4a;
const tagDroppedAttributes = 0x50;
const tagEvents = 0x5a;
const tagDroppedEvents = 0x60;
const tagLinks = 0x6a;
const tagDroppedLinks = 0x70;
const tagStatus = 0x7a;
// Flags has the number 16, whose tag takes two bytes.
const tagFlagsFirst = 0x85;
const tagFlagsSecond = 0x01;
const tagStatusMessage = 0x12;
const tagStatusCode = 0x18;

export interface PlainSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Field numbers of the parts that `PartCheck` is asked about. */
export type PartField = 9 | 11 | 13;

/** Whether an attribute, event or link may be kept. @throws CollectorError QUARTET_OTLP_INVALID */
export type PartCheck = (field: PartField, start: number, end: number) => boolean;

/**
 * Reads a span written the way every SDK writes it. False when anything about it is unusual (a long number, an unknown field,
 * an id of another size, a broken length): then `into` means nothing, and the scanner's general walk must read the span and say what is wrong.
 * With `checkPart` everything inside is checked too, and true means "may be kept"; it is asked about parts that are not plain themselves.
 */
export function readPlainSpan(
  { bytes, view }: PlainSource,
  into: SpanFields,
  {
    start,
    end,
    checkPart,
  }: { readonly start: number; readonly end: number; readonly checkPart: PartCheck | undefined },
): boolean {
  let traceIdStart = -1;
  let spanIdStart = -1;
  let parentSpanIdStart = -1;
  let traceStateStart = -1;
  let traceStateEnd = -1;
  let nameStart = -1;
  let nameEnd = -1;
  let kind = 0;
  let statusCode = 0;
  let flags = 0;
  let startLow = 0;
  let startHigh = 0;
  let endLow = 0;
  let endHigh = 0;
  let position = start;
  // No field is shorter than two bytes; what follows may look behind `end`, as the last test finds out.
  const lastTag = end - 2;
  while (position <= lastTag) {
    const second = bytes[position + 1]!;
    switch (bytes[position]!) {
      case tagTraceId:
        if (second !== 16) return false;
        traceIdStart = position + 2;
        position += 18;
        break;
      case tagSpanId:
        if (second !== 8) return false;
        spanIdStart = position + 2;
        position += 10;
        break;
      case tagParentSpanId:
        if (second !== 8 && second !== 0) return false;
        parentSpanIdStart = second === 0 ? -1 : position + 2;
        position += 2 + second;
        break;
      case tagTraceState:
        if (second >= 0x80) return false;
        traceStateStart = position + 2;
        traceStateEnd = position = traceStateStart + second;
        break;
      case tagName:
        if (second >= 0x80) return false;
        nameStart = position + 2;
        nameEnd = position = nameStart + second;
        break;
      case tagKind:
        if (second >= 0x80) return false;
        kind = second;
        position += 2;
        break;
      case tagStart:
        if (position + 9 > end) return false;
        startLow = view.getUint32(position + 1, true);
        startHigh = view.getUint32(position + 5, true);
        position += 9;
        break;
      case tagEnd:
        if (position + 9 > end) return false;
        endLow = view.getUint32(position + 1, true);
        endHigh = view.getUint32(position + 5, true);
        position += 9;
        break;
      case tagAttributes:
      case tagEvents:
      case tagLinks: {
        if (checkPart !== undefined) {
          const runEnd = passTextAttributes(bytes, position, end);
          if (runEnd > position && isAscii(bytes, view, position, runEnd)) {
            position = runEnd;
            break;
          }
        }
        let contentStart = position + 2;
        let contentEnd = contentStart + second;
        if (second >= 0x80) {
          const third = bytes[position + 2]!;
          if (third >= 0x80) return false;
          contentStart = position + 3;
          contentEnd = contentStart + (second & 0x7f) + third * 0x80;
        }
        if (checkPart !== undefined) {
          if (contentEnd > end) return false;
          const tag = bytes[position];
          const isPlain =
            tag === tagAttributes && second < 0x80 && isPlainAttribute(bytes, view, contentStart, contentEnd);
          const field = tag === tagAttributes ? 9 : tag === tagEvents ? 11 : 13;
          if (!isPlain && !checkPart(field, contentStart, contentEnd)) return false;
        }
        position = contentEnd;
        break;
      }
      case tagDroppedAttributes:
      case tagDroppedEvents:
      case tagDroppedLinks:
        if (second >= 0x80) return false;
        position += 2;
        break;
      case tagStatus: {
        if (second >= 0x80) return false;
        const statusEnd = position + 2 + second;
        position += 2;
        while (position < statusEnd) {
          const value = bytes[position + 1]!;
          if (value >= 0x80) return false;
          if (bytes[position] === tagStatusCode) {
            statusCode = value;
            position += 2;
          } else if (bytes[position] === tagStatusMessage) {
            position += 2;
            if (
              checkPart !== undefined &&
              (position + value > end || !isText(bytes, view, position, position + value))
            )
              return false;
            position += value;
          } else return false;
        }
        if (position !== statusEnd) return false;
        break;
      }
      case tagFlagsFirst:
        if (second !== tagFlagsSecond || position + 6 > end) return false;
        flags = view.getUint32(position + 2, true);
        position += 6;
        break;
      default:
        return false;
    }
  }
  if (position !== end) return false;
  if (traceIdStart >= 0 && isZero(view, traceIdStart) && isZero(view, traceIdStart + 8)) traceIdStart = -1;
  if (spanIdStart >= 0 && isZero(view, spanIdStart)) spanIdStart = -1;
  if (parentSpanIdStart >= 0 && isZero(view, parentSpanIdStart)) parentSpanIdStart = -1;
  if (checkPart !== undefined) {
    if (traceIdStart < 0 || spanIdStart < 0) return false;
    if (nameStart >= 0 && !isText(bytes, view, nameStart, nameEnd)) return false;
    if (traceStateStart >= 0 && !isText(bytes, view, traceStateStart, traceStateEnd)) return false;
  }
  into.traceIdStart = traceIdStart;
  into.spanIdStart = spanIdStart;
  into.parentSpanIdStart = parentSpanIdStart;
  into.traceStateStart = traceStateStart;
  into.traceStateEnd = traceStateEnd;
  into.nameStart = nameStart;
  into.nameEnd = nameEnd;
  into.kind = kind;
  into.statusCode = statusCode;
  into.flags = flags;
  into.startLow = startLow;
  into.startHigh = startHigh;
  into.endLow = endLow;
  into.endHigh = endHigh;
  return true;
}

function isZero(view: DataView, start: number): boolean {
  return view.getUint32(start, true) === 0 && view.getUint32(start + 4, true) === 0;
}

// Tags of KeyValue and AnyValue.
const tagKey = 0x0a;
const tagValue = 0x12;
const tagString = 0x0a;
const tagBool = 0x10;
const tagInt = 0x18;
const tagDouble = 0x21;

/**
 * The end of the attributes from here on that have a short key and a short text for a value, `start` when the first one has not.
 * What is in them is for the caller to look at, in one go: tags and lengths are below 0x80 as well.
 */
function passTextAttributes(bytes: Uint8Array, start: number, end: number): number {
  let position = start;
  while (position + 8 <= end && bytes[position] === tagAttributes) {
    const contentEnd = position + 2 + bytes[position + 1]!;
    const valueTag = position + 4 + bytes[position + 3]!;
    if (
      contentEnd > end ||
      valueTag + 4 > contentEnd ||
      bytes[position + 2] !== tagKey ||
      bytes[valueTag] !== tagValue ||
      bytes[valueTag + 2] !== tagString ||
      valueTag + 2 + bytes[valueTag + 1]! !== contentEnd ||
      valueTag + 4 + bytes[valueTag + 3]! !== contentEnd
    )
      break;
    position = contentEnd;
  }
  return position;
}

/** Whether an attribute is a key in ASCII and a value that is ASCII text, a bool, an integer or a double. */
function isPlainAttribute(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  const keySize = bytes[start + 1]!;
  const valueTag = start + 2 + keySize;
  if (bytes[start] !== tagKey || keySize >= 0x80 || valueTag + 4 > end) return false;
  if (bytes[valueTag] !== tagValue || valueTag + 2 + bytes[valueTag + 1]! !== end) return false;
  switch (bytes[valueTag + 2]!) {
    case tagString:
      // Tags and lengths are below 0x80 here as well, so the whole of it is looked at in one go.
      return end === valueTag + 4 + bytes[valueTag + 3]! && isAscii(bytes, view, start, end);
    case tagDouble:
      return valueTag + 11 === end && isAscii(bytes, view, start, valueTag);
    case tagBool:
    case tagInt:
      return isVarint(bytes, valueTag + 3, end) && isAscii(bytes, view, start, valueTag);
    default:
      return false;
  }
}

/** Whether the bytes are one whole number. */
function isVarint(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 10) return false;
  for (let position = start; position < end - 1; position += 1) if (bytes[position]! < 0x80) return false;
  return bytes[end - 1]! < 0x80;
}
