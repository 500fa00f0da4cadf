/** The φ-quantile of the values, which are sorted in place; between two of them by linear interpolation. */
export function quantileOf(q: number, values: Float64Array): number {
  if (values.length === 0 || q !== q) return Number.NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  sortNaNFirst(values);
  const rank = q * (values.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(values.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return values[lower]! * (1 - weight) + values[upper]! * weight;
}

function sortNaNFirst(values: Float64Array): void {
  values.sort();
  // A typed array sorts NaN to the end.
  let numbers = values.length;
  while (numbers > 0 && values[numbers - 1] !== values[numbers - 1]) numbers -= 1;
  if (numbers === values.length || numbers === 0) return;
  values.copyWithin(values.length - numbers, 0, numbers);
  values.fill(Number.NaN, 0, values.length - numbers);
}
