type Scanned = { readonly kind: "number" | "duration" | "broken"; readonly end: number };

// Decimal digits may be parted by single underscores; a hexadecimal number has no dot and no exponent.
const decimal = /^(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?/;
const hexadecimal = /^0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*/;
const duration = /^\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdw]))*/;

/** The number or duration that begins at `start`; broken with the end of what was looked at. */
export function scanNumber(text: string, start: number): Scanned {
  const rest = text.slice(start, start + 400);
  const ends = (kind: "number" | "duration", length: number): boolean =>
    !(kind === "number" ? /^[A-Za-z0-9_.]/ : /^[A-Za-z0-9_]/).test(rest.slice(length));
  for (const [kind, pattern] of [
    ["number", hexadecimal],
    ["number", decimal],
    ["duration", duration],
  ] as const) {
    const length = pattern.exec(rest)?.[0].length ?? 0;
    if (length > 0 && ends(kind, length)) return { kind, end: start + length };
  }
  return { kind: "broken", end: start + (/^[A-Za-z0-9_.]+/.exec(rest)?.[0].length ?? 1) };
}
