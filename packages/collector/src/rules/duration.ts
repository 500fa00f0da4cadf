const unitsMs: readonly (readonly [string, number])[] = [
  ["y", 31_536_000_000],
  ["w", 604_800_000],
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
];

const pattern = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

// Prometheus keeps durations as int64 nanoseconds.
const durationMsMax = 2 ** 63 / 1e6;

/** Milliseconds of a duration in Prometheus' form ("1h30m", "500ms", "0"); undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (text === "0") return 0;
  const match = pattern.exec(text);
  if (match === null || text === "") return undefined;
  let totalMs = 0;
  for (const [index, [, unitMs]] of unitsMs.entries()) totalMs += Number(match[index + 1] ?? 0) * unitMs;
  return totalMs > durationMsMax ? undefined : totalMs;
}
