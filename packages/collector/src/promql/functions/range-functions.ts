import type { RangeFunction } from "../window.ts";
import { overTimeFunctions } from "./over-time.ts";
import { createRate } from "./rate.ts";
import { neighbourFunctions } from "./steps-between.ts";
import { trendFunctions } from "./trend.ts";

/** Every function that takes a range, by name. */
export const rangeFunctions: ReadonlyMap<string, RangeFunction> = new Map<string, RangeFunction>([
  ["rate", createRate({ isCounter: true, isPerSecond: true })],
  ["increase", createRate({ isCounter: true, isPerSecond: false })],
  ["delta", createRate({ isCounter: false, isPerSecond: false })],
  ...Object.entries(overTimeFunctions),
  ...Object.entries(trendFunctions),
  ...Object.entries(neighbourFunctions),
]);
