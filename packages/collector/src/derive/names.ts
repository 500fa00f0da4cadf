/**
 * OTLP names in the form Prometheus gives them with suffixes for unit and kind.
 * @see OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility"; Prometheus' OTLP endpoint
 * (translation strategy UnderscoreEscapingWithSuffixes).
 */

const units: Readonly<Record<string, string>> = {
  d: "days",
  h: "hours",
  min: "minutes",
  s: "seconds",
  ms: "milliseconds",
  us: "microseconds",
  ns: "nanoseconds",
  By: "bytes",
  KiBy: "kibibytes",
  MiBy: "mebibytes",
  GiBy: "gibibytes",
  TiBy: "tibibytes",
  KBy: "kilobytes",
  MBy: "megabytes",
  GBy: "gigabytes",
  TBy: "terabytes",
  m: "meters",
  V: "volts",
  A: "amperes",
  J: "joules",
  W: "watts",
  g: "grams",
  Cel: "celsius",
  Hz: "hertz",
  "1": "",
  "%": "percent",
};

const perUnits: Readonly<Record<string, string>> = {
  s: "second",
  m: "minute",
  h: "hour",
  d: "day",
  w: "week",
  mo: "month",
  y: "year",
};

export type NamedKind = "counter" | "gauge" | "histogram" | "summary";

/**
 * The metric's name: words joined by "_", unit behind, then `_total` for counters or `_ratio` for gauges of unit 1.
 * "" when nothing of the name is left.
 */
export function metricName({
  name,
  unit,
  kind,
}: {
  readonly name: string;
  readonly unit: string;
  readonly kind: NamedKind;
}): string {
  let words = wordsOf(name);
  if (words.length === 0) return "";
  const [main = "", per] = unit.split("/", 2).map((part) => part.trim());
  const mainWord = unitWord(main, units);
  if (mainWord !== "" && !words.includes(mainWord)) words.push(mainWord);
  const perWord = unitWord(per ?? "", perUnits);
  if (perWord !== "" && !words.includes(perWord)) words.push("per", perWord);
  if (kind === "counter") words = [...words.filter((word) => word !== "total"), "total"];
  if (kind === "gauge" && unit === "1") words = [...words.filter((word) => word !== "ratio"), "ratio"];
  const joined = words.join("_");
  return /^[0-9]/.test(joined) ? `_${joined}` : joined;
}

/** The unit as it stands in the name, for the metadata. */
export function unitName(unit: string): string {
  const [main = "", per] = unit.split("/", 2).map((part) => part.trim());
  const mainWord = unitWord(main, units);
  const perWord = unitWord(per ?? "", perUnits);
  return perWord === "" ? mainWord : `${mainWord}_per_${perWord}`.replace(/^_/, "");
}

/** An attribute's name as a label: other characters become "_", and it begins neither with a digit nor a single "_". */
export function labelName(name: string): string {
  const clean = name.replace(/[^a-zA-Z0-9_]/g, "_");
  if (/^[0-9]/.test(clean)) return `key_${clean}`;
  return clean.startsWith("_") && !clean.startsWith("__") ? `key${clean}` : clean;
}

/** A number as Go's shortest form without exponent, which `le` and `quantile` carry. */
export function boundText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  const text = String(value);
  if (!text.includes("e")) return text;
  const [mantissa = "", exponentText = "0"] = text.split("e");
  const exponent = Number(exponentText);
  const sign = mantissa.startsWith("-") ? "-" : "";
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${whole}${fraction}`;
  return `${sign}${whole}${fraction}${"0".repeat(Math.max(0, exponent - fraction.length))}`;
}

function wordsOf(text: string): string[] {
  return text.split(/[^a-zA-Z0-9:]+/).filter((word) => word !== "");
}

/** "{request}" annotates and is no unit; what the table lacks stands for itself. */
function unitWord(unit: string, known: Readonly<Record<string, string>>): string {
  if (unit === "" || /[{}]/.test(unit)) return "";
  return Object.hasOwn(known, unit) ? known[unit]! : wordsOf(unit).join("_");
}
