import type { Clock } from "../model/index.ts";

/** The speed at which space was freed lately. */
export interface DrainRate {
  freed(sizeBytes: number): void;
  /** When so many bytes will be free at this speed, within what a client should be told. */
  retryAfterMs(missingSizeBytes: number): number;
}

const windowMs = 60_000;
const retryAfterMsMin = 1_000;
const retryAfterMsMax = 30_000;
const retryAfterMsUnknown = 5_000;

export function createDrainRate(clock: Clock): DrainRate {
  let recent: { readonly atMs: number; readonly sizeBytes: number }[] = [];
  const forget = (): void => {
    const nowMs = clock.nowMs();
    recent = recent.filter(({ atMs }) => nowMs - atMs < windowMs);
  };
  return {
    freed(sizeBytes) {
      forget();
      recent.push({ atMs: clock.nowMs(), sizeBytes });
    },
    retryAfterMs(missingSizeBytes) {
      forget();
      const drainedSizeBytes = recent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      if (drainedSizeBytes === 0) return retryAfterMsUnknown;
      const waitMs = (missingSizeBytes / drainedSizeBytes) * windowMs;
      return Math.round(Math.min(Math.max(waitMs, retryAfterMsMin), retryAfterMsMax));
    },
  };
}
