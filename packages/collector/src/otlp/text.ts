import { isUtf8 } from "node:buffer";

/** Whether all bytes are below 0x80; sixteen are told at once. Both ends must lie inside `bytes`. */
export function isAscii(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  let position = start;
  for (; position + 16 <= end; position += 16) {
    const together =
      view.getInt32(position, true) |
      view.getInt32(position + 4, true) |
      view.getInt32(position + 8, true) |
      view.getInt32(position + 12, true);
    if ((together & 0x8080_8080) !== 0) return false;
  }
  for (; position + 4 <= end; position += 4) {
    if ((view.getInt32(position, true) & 0x8080_8080) !== 0) return false;
  }
  for (; position < end; position += 1) if (bytes[position]! >= 0x80) return false;
  return true;
}

/** Whether the bytes are UTF-8. Nearly all text is ASCII, for which no view has to be made. */
export function isText(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  return isAscii(bytes, view, start, end) || isUtf8(bytes.subarray(start, end));
}

/** The text; U+FFFF, which is no character, where the bytes are no UTF-8. Both ends must lie inside `bytes`. */
export function decodeText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString("utf8", start, end);
  // What cannot be decoded becomes U+FFFD, which may also have been sent.
  return text.includes("\uFFFD") && !isUtf8(bytes.subarray(start, end)) ? "\uFFFF" : text;
}
