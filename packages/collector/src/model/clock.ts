/** Time as a parameter, so that tests turn the hands themselves. */
export interface Clock {
  /** Unix time in milliseconds. */
  nowMs(): number;
  /** Calls back once after `delayMs`; the returned function cancels. Timers do not keep the process alive. */
  setTimer(callback: () => void, delayMs: number): () => void;
}

/**
 * Wall time that never goes back: set back, it goes on with the monotonic clock, ahead of the wall, until that has caught up
 * or the process ends. Else no record would count as received later than the last one, and series, rules and alerts
 * would stand still for as long as the clock was set back. Set forward, it follows at once.
 */
export function createSteadyTime(wallMs: () => number, monotonicMs: () => number): () => number {
  let lastMs = Number.NEGATIVE_INFINITY;
  let lastMonotonicMs = 0;
  return () => {
    const nowMonotonicMs = monotonicMs();
    lastMs = Math.max(wallMs(), lastMs + nowMonotonicMs - lastMonotonicMs);
    lastMonotonicMs = nowMonotonicMs;
    return Math.floor(lastMs);
  };
}

/** The system's clock. All threads are started together, so all go on alike when it is set back. */
export const systemClock: Clock = {
  nowMs: createSteadyTime(Date.now, () => performance.now()),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
