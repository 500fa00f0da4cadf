/** Digits without an exponent, as few as say the value exactly (Go's format 'f' with precision -1). */
export function formatPlain(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const text = Object.is(value, -0) ? "-0" : String(value);
  const exponential = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (exponential === null) return text;
  const [, sign, first, fraction = "", exponentText] = exponential;
  const exponent = Number(exponentText);
  const digits = `${first}${fraction}`;
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  return `${sign}${digits.padEnd(exponent + 1, "0")}`;
}

/**
 * A sample's value as Prometheus prints it in API answers: plain digits, with an exponent outside 1e-6 to 1e21
 * in two digits at least (`1e-07`, `1e+21`), `+Inf`, `-Inf`, `NaN`.
 * @see Prometheus, util/jsonutil.MarshalFloat
 */
export function formatSampleValue(value: number): string {
  const size = Math.abs(value);
  if (Number.isFinite(value) && size !== 0 && (size < 1e-6 || size >= 1e21)) return exponential(value);
  return formatPlain(value);
}

function exponential(value: number): string {
  const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
  const power = Math.abs(Number(exponent)).toString().padStart(2, "0");
  return `${mantissa}e${exponent.startsWith("-") ? "-" : "+"}${power}`;
}

/** Go's %g and %v of a float: the shortest digits, with an exponent below 1e-4 and from 1e21 on. */
export function formatGeneral(value: number): string {
  const size = Math.abs(value);
  if (Number.isFinite(value) && size !== 0 && (size < 1e-4 || size >= 1e21)) return exponential(value);
  return formatPlain(value);
}

/** A bound as OpenMetrics writes it in a label: always with a dot or an exponent. */
export function formatOpenMetrics(value: number): string {
  const text = formatGeneral(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
