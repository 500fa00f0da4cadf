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

// Seconds that an int64 cannot hold become its least value in Go on amd64 (and so does NaN), whose date wraps around:
// 15:30 on Sunday, 4 December of that year.
const outOfRange: ReadonlyMap<string, number> = new Map([
  ["minute", 30],
  ["hour", 15],
  ["day_of_week", 0],
  ["day_of_month", 4],
  ["day_of_year", 339],
  ["days_in_month", 31],
  ["month", 12],
  ["year", 292_277_026_596],
]);

// The calendar repeats after 400 years.
const cycleSeconds = 146_097 * 86_400;
const dateSecondsMax = 8.64e12 - cycleSeconds;

/** A part of the UTC date that Unix seconds name, fractions cut off. */
export function datePart(name: string, part: (date: Date) => number, seconds: number): number {
  if (!(Math.abs(seconds) < 2 ** 63)) return outOfRange.get(name)!;
  const whole = Math.trunc(seconds);
  if (Math.abs(whole) <= dateSecondsMax) return part(new Date(whole * 1000));
  const cycles = Math.floor(whole / cycleSeconds);
  const value = part(new Date((whole - cycles * cycleSeconds) * 1000));
  return name === "year" ? value + cycles * 400 : value;
}
