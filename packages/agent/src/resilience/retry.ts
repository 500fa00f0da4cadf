/** Short at first, so that a collector's restart costs little; at most 5 s, so that its return is noticed soon. */
const firstDelayMs = 250;
const delayMsMax = 5_000;
/** A collector cannot silence the agent for longer than this. */
const retryAfterMsMax = 5 * 60_000;

export interface RetryAttempt {
  /** 1 after the first failure. */
  readonly failureCount: number;
  /** What the collector asked for; it wins over a shorter delay of our own. */
  readonly retryAfterMs: number | undefined;
}

/**
 * The pause before the next attempt: doubling, with the upper half chosen at random so that a fleet does not knock in step.
 * `random` gives [0, 1).
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-throttling
 */
export function retryDelayMs({ failureCount, retryAfterMs }: RetryAttempt, random: () => number): number {
  const fullMs = Math.min(delayMsMax, firstDelayMs * 2 ** Math.min(failureCount - 1, 16));
  const ownMs = fullMs / 2 + (fullMs / 2) * random();
  return Math.max(ownMs, Math.min(retryAfterMs ?? 0, retryAfterMsMax));
}
