import { formatFloat } from "./float.ts";
import { isNothing, print, typeName, type Value } from "./value.ts";

interface Flags {
  readonly plus: boolean;
  readonly minus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number;
  /** -1 when none was given. */
  readonly precision: number;
}

// Wider than any message; keeps "%999999999d" from filling the memory.
const widthMax = 1_000;

/** Go's fmt.Sprintf for the values of templates. Wrong verbs and counts give Go's own marks, such as "%!d(float64=1)". */
export function sprintf(format: string, args: readonly Value[]): string {
  let output = "";
  let index = 0;
  let position = 0;
  let isReordered = false;
  const takeStar = (): number | undefined => {
    const value = args[index];
    index += 1;
    return typeof value === "bigint" ? Math.min(Number(value), widthMax) : undefined;
  };
  const takeIndex = (): boolean => {
    const match = /^\[(\d+)\]/.exec(format.slice(position, position + 12));
    if (match === null) return true;
    position += match[0].length;
    isReordered = true;
    index = Number(match[1]) - 1;
    return index >= 0 && index < args.length;
  };
  while (position < format.length) {
    const percent = format.indexOf("%", position);
    if (percent < 0) {
      output += format.slice(position);
      break;
    }
    output += format.slice(position, percent);
    position = percent + 1;
    const letters = /^[+\-# 0]*/.exec(format.slice(position))![0];
    position += letters.length;
    let isGoodIndex = takeIndex();
    let width = 0;
    let minus = letters.includes("-");
    const digits = /^\d+/.exec(format.slice(position, position + 8))?.[0];
    if (format[position] === "*") {
      position += 1;
      const star = takeStar();
      if (star === undefined) output += "%!(BADWIDTH)";
      width = star ?? 0;
      if (width < 0) {
        width = -width;
        minus = true;
      }
    } else if (digits !== undefined) {
      position += digits.length;
      width = Math.min(Number(digits), widthMax);
    }
    let precision = -1;
    if (format[position] === ".") {
      position += 1;
      isGoodIndex = takeIndex() && isGoodIndex;
      if (format[position] === "*") {
        position += 1;
        const star = takeStar();
        if (star === undefined || star < 0) output += "%!(BADPREC)";
        else precision = star;
      } else {
        const text = /^\d*/.exec(format.slice(position, position + 8))![0];
        position += text.length;
        precision = Math.min(Number(text), widthMax);
      }
    }
    isGoodIndex = takeIndex() && isGoodIndex;
    const verb = position < format.length ? String.fromCodePoint(format.codePointAt(position)!) : "";
    position += verb.length;
    if (verb === "") output += "%!(NOVERB)";
    else if (verb === "%") output += "%";
    else if (!isGoodIndex) output += `%!${verb}(BADINDEX)`;
    else if (index >= args.length) output += `%!${verb}(MISSING)`;
    else {
      const flags: Flags = {
        plus: letters.includes("+"),
        sharp: letters.includes("#"),
        space: letters.includes(" "),
        zero: letters.includes("0") && !minus,
        minus,
        width,
        precision,
      };
      output += formatVerb(verb, flags, args[index]);
      index += 1;
    }
  }
  if (!isReordered && index < args.length) {
    const extra = args
      .slice(index)
      .map((arg) => (isNothing(arg) ? "<nil>" : `${typeName(arg)}=${print(arg)}`));
    output += `%!(EXTRA ${extra.join(", ")})`;
  }
  return output;
}

function formatVerb(verb: string, flags: Flags, value: Value): string {
  if (verb === "T") return pad(typeName(value), flags);
  if (isNothing(value)) return verb === "v" ? pad("<nil>", flags) : `%!${verb}(<nil>)`;
  const bad = () => `%!${verb}(${typeName(value)}=${print(value)})`;
  if (typeof value === "boolean") return verb === "t" || verb === "v" ? pad(String(value), flags) : bad();
  if (typeof value === "number") return formatFloatVerb(verb, flags, value) ?? bad();
  if (typeof value === "bigint") return formatIntVerb(verb, flags, value) ?? bad();
  if (typeof value === "string") return formatStringVerb(verb, flags, value) ?? bad();
  // Maps and lists print element by element; only %v and %s are of use there.
  return verb === "v" || verb === "s" ? pad(print(value), flags) : bad();
}

function formatFloatVerb(verb: string, flags: Flags, value: number): string | undefined {
  const precision = (standard: number) => (flags.precision >= 0 ? flags.precision : standard);
  let text: string;
  switch (verb) {
    case "v":
    case "g":
    case "G":
      text = formatFloat(value, "g", precision(-1));
      if (flags.sharp) text = keepZeros(text, precision(6));
      break;
    case "f":
    case "F":
      text = formatFloat(value, "f", precision(6));
      break;
    case "e":
    case "E":
      text = formatFloat(value, "e", precision(6));
      break;
    default:
      return undefined;
  }
  if (verb === "E" || verb === "G") text = text.toUpperCase().replace("INF", "Inf").replace("NAN", "NaN");
  if (Number.isFinite(value)) return padNumber(text, flags);
  if (text === "NaN" && flags.plus) text = "+NaN";
  return pad(text, { ...flags, zero: false });
}

/** The flag `#` keeps the zeros that %g cuts off, up to `digitCount` significant digits. */
function keepZeros(text: string, digitCount: number): string {
  const [mantissa, exponent] = text.split("e") as [string, string?];
  const significant = mantissa.replace(/^-?[0.]*/, "").replace(".", "").length;
  const pointed = mantissa.includes(".") ? mantissa : `${mantissa}.`;
  const zeros = "0".repeat(Math.max(0, digitCount - Math.max(1, significant)));
  return `${pointed}${zeros}${exponent === undefined ? "" : `e${exponent}`}`;
}

function formatIntVerb(verb: string, flags: Flags, value: bigint): string | undefined {
  const size = value < 0n ? -value : value;
  const sign = value < 0n ? "-" : "";
  const show = (radix: number, prefix: string) => {
    const digits = size.toString(radix).padStart(Math.max(0, flags.precision), "0");
    return padNumber(`${sign}${flags.sharp ? prefix : ""}${digits}`, flags);
  };
  switch (verb) {
    case "v":
    case "d":
      return show(10, "");
    case "b":
      return show(2, "0b");
    case "o":
      return show(8, "0");
    case "O":
      return padNumber(`${sign}0o${size.toString(8)}`, flags);
    case "x":
      return show(16, "0x");
    case "X":
      return show(16, "0x").toUpperCase();
    case "c":
      return pad(toChar(value), flags);
    case "q":
      return pad(`'${toChar(value)}'`, flags);
    case "U":
      return pad(`U+${size.toString(16).toUpperCase().padStart(4, "0")}`, flags);
    default:
      return undefined;
  }
}

const toChar = (value: bigint) =>
  value >= 0n && value <= 0x10ffffn ? String.fromCodePoint(Number(value)) : "\uFFFD";

function formatStringVerb(verb: string, flags: Flags, value: string): string | undefined {
  const cut = flags.precision >= 0 ? Array.from(value).slice(0, flags.precision).join("") : value;
  switch (verb) {
    case "v":
    case "s":
      return pad(cut, flags);
    case "q":
      return pad(flags.sharp && !cut.includes("`") ? `\`${cut}\`` : quote(cut), flags);
    case "x":
    case "X": {
      const hex = Buffer.from(cut).toString("hex");
      return pad(verb === "x" ? hex : hex.toUpperCase(), flags);
    }
    default:
      return undefined;
  }
}

const quoteEscapes: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/** A double-quoted Go string literal. */
export function quote(text: string): string {
  const inner = text.replaceAll(/["\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (char) => {
    const plain = quoteEscapes[char];
    if (plain !== undefined) return plain;
    const code = char.codePointAt(0)!;
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code > 0xffff
      ? `\\U${code.toString(16).padStart(8, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `"${inner}"`;
}

/** Puts the sign that flags ask for, then fills up; zeros go between sign and digits. */
function padNumber(text: string, flags: Flags): string {
  const isNegative = text.startsWith("-");
  const sign = isNegative ? "-" : flags.plus ? "+" : flags.space ? " " : "";
  const digits = isNegative ? text.slice(1) : text;
  if (flags.zero) return sign + digits.padStart(flags.width - sign.length, "0");
  return pad(sign + digits, flags);
}

function pad(text: string, flags: Flags): string {
  const missing = flags.width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.minus) return text + " ".repeat(missing);
  return (flags.zero ? "0" : " ").repeat(missing) + text;
}
