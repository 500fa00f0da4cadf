import { formatFloat } from "./float.ts";
import { TemplateProblem } from "./problem.ts";
import { printTime, typeName, type TimeValue, type Value } from "./value.ts";

const floatPattern = /^[+-]?(?:(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?|inf|infinity|nan)$/i;

/** A float64 from what templates hold. @throws TemplateProblem when it is none. */
export function toFloat(value: Value): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string") return parseFloatText(value);
  throw new TemplateProblem(`can't convert ${typeName(value)} to float`);
}

function parseFloatText(text: string): number {
  if (!floatPattern.test(text)) {
    throw new TemplateProblem(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const word = /^([+-]?)(inf|nan)/i.exec(text);
  if (word !== null) return word[2]!.toLowerCase() === "nan" ? Number.NaN : Number(`${word[1]}Infinity`);
  return Number(text.replaceAll("_", ""));
}

const short = (value: number) => formatFloat(value, "g", 4);
const largePrefixes = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const binaryPrefixes = ["", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const smallPrefixes = ["", "m", "u", "n", "p", "f", "a", "z", "y"];

function divide(value: number, base: number, prefixes: readonly string[]): string {
  let rest = value;
  let step = 0;
  while (step < prefixes.length - 1 && Math.abs(rest) >= base) {
    rest /= base;
    step += 1;
  }
  return `${short(rest)}${prefixes[step]!}`;
}

function multiply(value: number): string {
  let rest = value;
  let step = 0;
  while (step < smallPrefixes.length - 1 && Math.abs(rest) < 1) {
    rest *= 1_000;
    step += 1;
  }
  return `${short(rest)}${smallPrefixes[step]!}`;
}

/** 1234567 → "1.235M", 0.012 → "12m". */
export function humanize(value: Value): string {
  const number = toFloat(value);
  if (number === 0 || !Number.isFinite(number)) return short(number);
  return Math.abs(number) >= 1 ? divide(number, 1_000, largePrefixes) : multiply(number);
}

/** 1048576 → "1Mi". */
export function humanize1024(value: Value): string {
  const number = toFloat(value);
  return Math.abs(number) <= 1 || !Number.isFinite(number)
    ? short(number)
    : divide(number, 1_024, binaryPrefixes);
}

/** 3661 → "1h 1m 1s", 0.1 → "100ms". */
export function humanizeDuration(value: Value): string {
  const number = toFloat(value);
  if (!Number.isFinite(number)) return short(number);
  if (number === 0) return `${short(number)}s`;
  if (Math.abs(number) < 1) return `${multiply(number)}s`;
  const sign = number < 0 ? "-" : "";
  const size = Math.abs(number);
  const whole = Math.trunc(size);
  const [seconds, minutes] = [whole % 60, Math.trunc(whole / 60) % 60];
  const [hours, days] = [Math.trunc(whole / 3_600) % 24, Math.trunc(whole / 86_400)];
  if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
  if (hours > 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m ${seconds}s` : `${sign}${short(size)}s`;
}

/** 0.1234 → "12.34%". */
export function humanizePercentage(value: Value): string {
  return `${short(toFloat(value) * 100)}%`;
}

/** Unix seconds as a time. @throws TemplateProblem when it is not finite or overflows int64 nanoseconds. */
export function toTime(value: Value): TimeValue {
  const seconds = toFloat(value);
  if (!Number.isFinite(seconds)) throw new TemplateProblem("value is NaN or Inf");
  if (Math.abs(seconds * 1e9) > 2 ** 63) {
    const shown = formatFloat(seconds, "g", -1);
    throw new TemplateProblem(
      `${shown} cannot be represented as a nanoseconds timestamp since it overflows int64`,
    );
  }
  return { kind: "time", unixMs: Math.trunc((seconds * 1e9) / 1e6) };
}

/** 1435065584.128 → "2015-06-23 13:19:44.128 +0000 UTC". */
export function humanizeTimestamp(value: Value): string {
  const seconds = toFloat(value);
  return Number.isFinite(seconds) ? printTime(toTime(seconds)) : short(seconds);
}
