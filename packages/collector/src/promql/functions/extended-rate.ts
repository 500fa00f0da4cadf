import type { Window } from "../window.ts";
import type { RateKind } from "./rate.ts";

/** The value between two samples on the line that joins them; a counter that fell is taken to have begun at 0. */
export function interpolate(
  times: Float64Array,
  values: Float64Array,
  left: number,
  timeMs: number,
  isCounter: boolean,
): number {
  const to = values[left + 1]!;
  const from = isCounter && to < values[left]! ? 0 : values[left]!;
  return from + ((to - from) * (timeMs - times[left]!)) / (times[left + 1]! - times[left]!);
}

/** First index from `from` up to and without `to` whose time `passes`; `to` when there is none. */
export function firstPassing(from: number, to: number, passes: (index: number) => boolean): number {
  let index = from;
  while (index < to && !passes(index)) index += 1;
  return index;
}

/** rate, increase and delta of a range that reaches exactly from its start to its end (anchored or smoothed). */
export function extendedRate(window: Window, { isCounter, isPerSecond }: RateKind): number | undefined {
  const { floats, floatTimesMs: times } = window.series;
  const isSmoothed = window.extension === "smoothed";
  let last = window.floatTo - 1;
  const afterStart = firstPassing(window.floatFrom, last, (index) => times[index]! > window.startMs);
  let first = Math.max(window.floatFrom, afterStart - 1);
  if (isSmoothed) last = firstPassing(window.floatFrom, last, (index) => times[index]! >= window.endMs);
  if (times[last]! <= window.startMs || (isSmoothed && times[first]! > window.endMs)) return undefined;
  const left =
    isSmoothed && times[first]! < window.startMs
      ? interpolate(times, floats, first, window.startMs, isCounter)
      : floats[first]!;
  const right =
    isSmoothed && last > window.floatFrom && times[last]! > window.endMs
      ? interpolate(times, floats, last - 1, window.endMs, isCounter)
      : floats[last]!;
  let result = right - left;
  if (isCounter) {
    // Resets at the ends are dealt with by the interpolation; only what lies strictly inside is looked at.
    if (times[first]! <= window.startMs) first += 1;
    if (times[last]! >= window.endMs) last -= 1;
    let previous = left;
    for (let index = first; index <= last; index += 1) {
      if (floats[index]! < previous) result += previous;
      previous = floats[index]!;
    }
    if (right < previous) result += previous;
  }
  return isPerSecond ? result / (window.rangeMs / 1000) : result;
}
