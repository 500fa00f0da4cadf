const simpleEscapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/** The text of a Go string or character literal with its quotes; undefined when an escape is invalid. */
export function unquote(literal: string): string | undefined {
  const quote = literal[0]!;
  const inner = literal.slice(1, -1);
  if (quote === "`") return inner.replaceAll("\r", "");
  let isValid = true;
  const bytes: Buffer[] = [];
  const pattern = /\\(x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\s\S])|[^\\]+/gu;
  for (const [whole, escape] of inner.matchAll(pattern)) {
    if (escape === undefined) bytes.push(Buffer.from(whole));
    else if (/^x..$/.test(escape)) bytes.push(Buffer.of(Number.parseInt(escape.slice(1), 16)));
    else if (/^[0-7]{3}$/.test(escape)) {
      const code = Number.parseInt(escape, 8);
      if (code > 255) isValid = false;
      bytes.push(Buffer.of(code & 255));
    } else if (escape.length > 1) {
      const code = Number.parseInt(escape.slice(1), 16);
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) isValid = false;
      else bytes.push(Buffer.from(String.fromCodePoint(code)));
    } else {
      const plain = simpleEscapes[escape];
      // The other kind of quote needs no escape, and Go refuses one.
      if (plain === undefined || (/["']/.test(escape) && escape !== quote)) isValid = false;
      else bytes.push(Buffer.from(plain));
    }
  }
  return isValid ? Buffer.concat(bytes).toString() : undefined;
}

const intMax = 2n ** 63n - 1n;

/** A Go number literal: an int as bigint unless it is written as a float; undefined when it is none. */
export function parseNumber(literal: string): bigint | number | undefined {
  const sign = literal.startsWith("-") ? -1 : 1;
  const digits = literal.replace(/^[+-]/, "").replaceAll("_", "");
  const isHex = /^0x/i.test(digits);
  const isFloat = isHex ? /[pP]/.test(digits) : /[.eE]/.test(digits);
  if (isFloat) {
    if (!isHex) return sign * Number(digits);
    const [mantissa, exponent] = digits.slice(2).split(/p/i) as [string, string];
    const [whole, fraction = ""] = mantissa.split(".") as [string, string?];
    const value = Number.parseInt(`${whole}${fraction}`, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
    return sign * value;
  }
  if (isHex && digits.includes(".")) return undefined;
  const normal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  if (/^0\d*[89]/.test(digits)) return undefined;
  const value = BigInt(normal) * BigInt(sign);
  return value > intMax || value < -intMax - 1n ? undefined : value;
}
