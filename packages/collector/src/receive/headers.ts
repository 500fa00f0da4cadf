import type { IncomingHttpHeaders } from "node:http";

/** Of the body; "" when nobody says. */
export function mediaTypeOf(headers: IncomingHttpHeaders): string {
  return (headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

/** Lower-case; "" when nobody says. */
export function encodingOf(headers: IncomingHttpHeaders): string {
  return (headers["content-encoding"] ?? "").trim().toLowerCase();
}

/** Undefined when the body comes in chunks. */
export function contentLengthOf(headers: IncomingHttpHeaders): number | undefined {
  const length = headers["content-length"];
  return length === undefined ? undefined : Number(length);
}
