/** Cuts the work of many parties into stretches, between which the thread's other work gets its turn. */
export interface Stretch {
  /** Runs a short job, at once if the stretch has room for it, else in a later turn of the loop. First come, first served. */
  run<T>(job: () => T): Promise<T>;
}

/**
 * One for all rule groups of an engine: many that are due at once must not add up to one long stretch.
 * @param stretchMsMax a stretch ends with the job that passes this
 */
export function createStretch(measureMs: () => number, stretchMsMax: number): Stretch {
  const jobs: (() => void)[] = [];
  let startedMs = measureMs();
  let isWaiting = false;

  function work(): void {
    while (measureMs() - startedMs <= stretchMsMax) {
      const job = jobs.shift();
      if (job === undefined) return;
      job();
    }
    if (jobs.length === 0 || isWaiting) return;
    isWaiting = true;
    setImmediate(() => {
      isWaiting = false;
      startedMs = measureMs();
      work();
    });
  }

  return {
    run: (job) =>
      new Promise((resolve, reject) => {
        jobs.push(() => {
          try {
            resolve(job());
          } catch (cause) {
            reject(cause);
          }
        });
        work();
      }),
  };
}
