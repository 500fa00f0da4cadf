/** The first severity number of TRACE, DEBUG, INFO, WARN, ERROR and FATAL, by tens of pino's levels from 10 to 60. */
const firstOf = [1, 5, 9, 13, 17, 21];

/**
 * The severity number (1 to 24) of a pino level. Levels of the service's own between two of pino's keep their order:
 * 30 is 9 INFO, 35 is 11 INFO3, 40 is 13 WARN.
 */
export function severityNumberOf(level: number): number {
  if (!(level >= 10)) return 1;
  const rank = Math.min(Math.floor(level / 10) - 1, firstOf.length - 1);
  const fraction = Math.min((level - (rank + 1) * 10) / 10, 0.99);
  return firstOf[rank]! + Math.floor(fraction * 4);
}
