type Scanned =
  | { readonly kind: "string"; readonly end: number; readonly value: string }
  | { readonly kind: "broken"; readonly message: string };

const simple: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  "'": 39,
  '"': 34,
};
const hexDigits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

type Escape =
  | { readonly kind: "byte" | "rune"; readonly value: number; readonly size: number }
  | { readonly kind: "broken"; readonly message: string };

function scanEscape(text: string, backslash: number, quote: string): Escape {
  const char = text[backslash + 1] ?? "";
  if (char === "") return { kind: "broken", message: "escape sequence not terminated" };
  const plain = simple[char];
  if (plain !== undefined && ((char !== "'" && char !== '"') || char === quote)) {
    return { kind: "rune", value: plain, size: 2 };
  }
  const octal = char >= "0" && char <= "7";
  const count = octal ? 3 : hexDigits[char];
  if (count === undefined) {
    const code = text
      .codePointAt(backslash + 1)!
      .toString(16)
      .toUpperCase()
      .padStart(4, "0");
    return { kind: "broken", message: `unknown escape sequence U+${code} '${char}'` };
  }
  const from = backslash + (octal ? 1 : 2);
  const digits = text.slice(from, from + count);
  if (digits.length < count || !(octal ? /^[0-7]+$/ : /^[0-9a-fA-F]+$/).test(digits)) {
    return { kind: "broken", message: "illegal character in escape sequence" };
  }
  const value = Number.parseInt(digits, octal ? 8 : 16);
  const isByte = octal || char === "x";
  if (isByte ? value > 255 : value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
    return { kind: "broken", message: "escape sequence is an invalid Unicode code point" };
  }
  return { kind: isByte ? "byte" : "rune", value, size: from - backslash + count };
}

/**
 * The string literal that begins with the quote at `start`, with its value.
 * Escapes are those of Go; \x and octal ones are bytes of UTF-8. Back quotes take everything as it stands.
 */
export function scanString(text: string, start: number): Scanned {
  const quote = text[start]!;
  if (quote === "`") {
    const close = text.indexOf("`", start + 1);
    if (close < 0) return { kind: "broken", message: "unterminated raw string" };
    return { kind: "string", end: close + 1, value: text.slice(start + 1, close) };
  }
  const parts: Buffer[] = [];
  let plainFrom = start + 1;
  for (let index = start + 1; ;) {
    const char = text[index];
    if (char === undefined || char === "\n") return { kind: "broken", message: "unterminated quoted string" };
    if (char === quote) {
      if (parts.length === 0) return { kind: "string", end: index + 1, value: text.slice(plainFrom, index) };
      parts.push(Buffer.from(text.slice(plainFrom, index)));
      return { kind: "string", end: index + 1, value: Buffer.concat(parts).toString("utf8") };
    }
    if (char !== "\\") {
      index += 1;
      continue;
    }
    const escape = scanEscape(text, index, quote);
    if (escape.kind === "broken") return escape;
    parts.push(Buffer.from(text.slice(plainFrom, index)));
    parts.push(
      escape.kind === "byte" ? Buffer.from([escape.value]) : Buffer.from(String.fromCodePoint(escape.value)),
    );
    index += escape.size;
    plainFrom = index;
  }
}
