/**
 * Whether a counter began anew between two samples, told by the start times that came with them (0 = unknown).
 * A start at the very time of the sample before means a reset for deltas only, whose start before was known too.
 */
export function isStartReset(
  previousStart: number,
  previousTime: number,
  start: number,
  time: number,
): boolean {
  if (start === 0 || start >= time || start < previousTime) return false;
  if (start > previousTime) return true;
  return previousStart <= previousTime && previousStart !== 0 && previousStart !== previousTime;
}

/** Whether a sample claims to have begun before the one before it was taken, and not together with that one. */
export function startsOverlap(previousStart: number, previousTime: number, start: number): boolean {
  return start !== 0 && start < previousTime && start !== previousStart;
}
