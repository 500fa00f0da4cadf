const dayMs = 86_400_000;

/** Parts of a UTC date from Unix seconds, by function name. */
export const dateFunctions: ReadonlyMap<string, (date: Date) => number> = new Map<
  string,
  (date: Date) => number
>([
  ["minute", (date) => date.getUTCMinutes()],
  ["hour", (date) => date.getUTCHours()],
  ["day_of_week", (date) => date.getUTCDay()],
  ["day_of_month", (date) => date.getUTCDate()],
  ["day_of_year", (date) => Math.floor((startOfDay(date) - startOfYear(date)) / dayMs) + 1],
  // Day 0 of the next month is the last of this one.
  ["days_in_month", (date) => utcDate(date.getUTCFullYear(), date.getUTCMonth() + 1, 0).getUTCDate()],
  ["month", (date) => date.getUTCMonth() + 1],
  ["year", (date) => date.getUTCFullYear()],
]);

// Date.UTC takes years 0 to 99 for those of the 20th century.
function utcDate(year: number, month: number, day: number): Date {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date;
}

const startOfDay = (date: Date): number => Math.floor(date.getTime() / dayMs) * dayMs;
const startOfYear = (date: Date): number => utcDate(date.getUTCFullYear(), 0, 1).getTime();

/** A part of the date that Unix seconds name, fractions cut off; NaN beyond what a Date holds. */
export function datePart(part: (date: Date) => number, seconds: number): number {
  return part(new Date(Math.trunc(seconds) * 1000));
}
