const unitMs: Readonly<Record<string, number>> = {
  y: 365 * 86_400_000,
  w: 7 * 86_400_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};
const durationPattern = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const unitOrder = ["y", "w", "d", "h", "m", "s", "ms"] as const;

// Prometheus keeps durations as int64 nanoseconds.
const durationMsMax = 9_223_372_036_854;

/**
 * Milliseconds of a duration such as `1h30m`: units from large to small, each once; `0` needs none.
 * A text that is no duration gives the message that Prometheus has for it.
 */
export function parseDurationMs(text: string): number | { readonly message: string } {
  if (text === "") return { message: "empty duration string" };
  if (text === "0") return 0;
  const parts = durationPattern.exec(text);
  if (parts === null) return { message: `not a valid duration string: ${JSON.stringify(text)}` };
  let totalMs = 0;
  for (const [index, unit] of unitOrder.entries()) totalMs += Number(parts[index + 1] ?? 0) * unitMs[unit]!;
  return totalMs > durationMsMax ? { message: "duration out of range" } : totalMs;
}

/** A duration as Prometheus prints it: exact units only, years to milliseconds. */
export function formatDurationMs(durationMs: number): string {
  if (durationMs === 0) return "0s";
  let rest = Math.abs(durationMs);
  let text = durationMs < 0 ? "-" : "";
  for (const unit of unitOrder) {
    const size = unitMs[unit]!;
    // Years and weeks only where nothing smaller is left, so that 13 months stay days.
    if ((unit === "y" || unit === "w") && rest % size !== 0) continue;
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text;
}

/**
 * The value of a number as written: decimal, hexadecimal, with underscores, Inf or NaN in any case.
 * A leading 0 means octal where all digits allow it, as in Go's ParseInt with base 0. Undefined when it is none.
 */
export function parseNumber(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const bare = text.replace(/^[+-]/, "").replaceAll("_", "").toLowerCase();
  if (bare === "inf" || bare === "+inf" || bare === "infinity") return sign * Infinity;
  if (bare === "nan") return Number.NaN;
  if (/^0[xbo][0-9a-f]+$/.test(bare)) return sign * Number(bare);
  if (/^0[0-7]+$/.test(bare)) return sign * Number.parseInt(bare, 8);
  if (!/^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/.test(bare)) return undefined;
  return sign * Number(bare);
}
