import type { SpanFields } from "./plain-span.ts";

/** What can be wrong with the times of an item; such items are kept as they are, and counted. */
export type TimeProblem = "missing" | "reversed" | "future" | "past";

export const timeProblems: readonly TimeProblem[] = ["missing", "reversed", "future", "past"];

/** Longer than any clock that is set by the network is off. */
const futureMs = 5 * 60_000;
/** Longer than any sender keeps what it could not send. */
const pastMs = 24 * 3_600_000;
const nanosecondsPerMs = 1e6;
const halfSize = 2 ** 32;

/** Counts the odd times of a request's items. Times are Unix nanoseconds in halves of 32 bits; the upper one counts in steps of 4.3 s. */
export class OddTimes {
  readonly counts: Record<TimeProblem, number> = { missing: 0, reversed: 0, future: 0, past: 0 };
  readonly #futureHigh: number;
  readonly #pastHigh: number;

  constructor(receivedAtMs: number | undefined) {
    const high = (ms: number) => Math.floor((ms * nanosecondsPerMs) / halfSize);
    this.#futureHigh = receivedAtMs === undefined ? Infinity : high(receivedAtMs + futureMs);
    this.#pastHigh = receivedAtMs === undefined ? 0 : high(receivedAtMs - pastMs);
  }

  takePlainSpan({ startHigh, startLow, endHigh, endLow }: SpanFields): void {
    // Almost every span: three comparisons and nothing written.
    const isRight =
      startHigh > 0 && endHigh >= this.#pastHigh && endHigh <= this.#futureHigh && endHigh > startHigh;
    if (!isRight) this.takeSpan(startHigh, startLow, endHigh, endLow);
  }

  /** A span; it counts once. */
  takeSpan(startHigh: number, startLow: number, endHigh: number, endLow: number): void {
    if (startHigh === 0 || endHigh === 0) this.counts.missing += 1;
    else if (endHigh < startHigh || (endHigh === startHigh && endLow < startLow)) this.counts.reversed += 1;
    else this.#compare(endHigh);
  }

  /** A data point, or a log record that has a time. */
  takeTime(high: number): void {
    if (high === 0) this.counts.missing += 1;
    else this.#compare(high);
  }

  #compare(high: number): void {
    if (high > this.#futureHigh) this.counts.future += 1;
    else if (high < this.#pastHigh) this.counts.past += 1;
  }
}
