export interface BackoffSettings {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** For a back end that is away or busy: it may be back any moment. */
export const retryBackoff: BackoffSettings = { initialMs: 250, maxMs: 15_000 };

/** For what a person must mend. */
export const pauseBackoff: BackoffSettings = { initialMs: 15_000, maxMs: 300_000 };

/**
 * The wait before attempt number `attempt` (1 = first repetition): doubles each time, less up to a fifth by chance, so that
 * many senders do not come back at the same moment.
 */
export function backoffMs(settings: BackoffSettings, attempt: number, random: () => number): number {
  const fullMs = Math.min(settings.initialMs * 2 ** Math.min(attempt - 1, 30), settings.maxMs);
  return Math.round(fullMs * (1 - 0.2 * random()));
}
