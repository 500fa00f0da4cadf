import { TraceFlags, type SpanContext } from "@opentelemetry/api";

/** `00-` 32 digits `-` 16 digits `-` 2 digits. */
const lengthOfVersion00 = 55;

/**
 * Reads a W3C traceparent by offsets; undefined when any part of it is wrong, so that a new trace begins.
 * A version above 00 may go on after its flags; ff is forbidden.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function parseTraceparent(text: string): SpanContext | undefined {
  if (text.length < lengthOfVersion00) return undefined;
  if (text[2] !== "-" || text[35] !== "-" || text[52] !== "-") return undefined;
  const isVersion00 = text.startsWith("00");
  if (isVersion00 && text.length !== lengthOfVersion00) return undefined;
  if (!isVersion00 && text.length > lengthOfVersion00 && text[lengthOfVersion00] !== "-") return undefined;
  if (text.startsWith("ff") || !isHex(text, 0, 2)) return undefined;
  if (!isHex(text, 3, 35) || !isHex(text, 36, 52) || !isHex(text, 53, 55)) return undefined;
  if (isZero(text, 3, 35) || isZero(text, 36, 52)) return undefined;
  return {
    traceId: text.slice(3, 35),
    spanId: text.slice(36, 52),
    // Of the flags only "sampled" has a meaning in version 00; unknown ones must not be handed on.
    traceFlags: Number.parseInt(text.slice(53, 55), 16) & TraceFlags.SAMPLED,
    isRemote: true,
  };
}

/** The traceparent of version 00. */
export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? "00" : "01"}`;
}

/** Upper case is wrong (specification: "lowercase hex"). */
function isHex(text: string, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) {
    const code = text.charCodeAt(index);
    const isDigit = code >= 48 && code <= 57;
    if (!isDigit && (code < 97 || code > 102)) return false;
  }
  return true;
}

function isZero(text: string, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) if (text.charCodeAt(index) !== 48) return false;
  return true;
}
