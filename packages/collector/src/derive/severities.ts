import { severityOfText } from "../model/index.ts";
import type { Interner } from "./interner.ts";

/** `severityOfText` from bytes, decoding each distinct text once. Texts beyond the interner's bound say nothing. */
export function createSeverityLookup(
  texts: Interner,
): (bytes: Uint8Array, start: number, end: number) => number {
  const severities: number[] = [];
  return (bytes, start, end) => {
    const id = texts.intern(bytes, start, end, 0);
    return id < 0 ? 0 : (severities[id] ??= severityOfText(texts.text(id)));
  };
}
