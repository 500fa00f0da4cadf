/** The lesser of two as Go's math.Min has it: -Inf wins over NaN, and NaN over any other number. */
export function goMin(left: number, right: number): number {
  return left === -Infinity || right === -Infinity ? -Infinity : Math.min(left, right);
}

/** The greater of two as Go's math.Max has it: +Inf wins over NaN, and NaN over any other number. */
export function goMax(left: number, right: number): number {
  return left === Infinity || right === Infinity ? Infinity : Math.max(left, right);
}
