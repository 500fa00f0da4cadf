/** Time as a parameter, so that tests turn the hands themselves. */
export interface Clock {
  /** Unix time in milliseconds. */
  readonly nowMs: () => number;
  /** Calls back once after `delayMs`; the returned function cancels. Timers do not keep the process alive. */
  readonly setTimer: (callback: () => void, delayMs: number) => () => void;
}

/** The system's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
