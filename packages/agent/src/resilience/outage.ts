import type { Notice } from "./notice.ts";

/** Says once that a collector is away, whatever many batches and signals find out. */
export interface Outage {
  failed(signal: string, cause: string): void;
  succeeded(signal: string): void;
  /** Whether the last attempt of any signal failed. */
  isAway(): boolean;
}

/** One for each collector (origin), shared by its signals: the outage ends when all that failed have succeeded again. */
export function createOutage(
  origin: string,
  { notice, nowMs }: { notice: Notice; nowMs: () => number },
): Outage {
  const failing = new Set<string>();
  let sinceMs = 0;
  return {
    failed(signal, cause) {
      if (failing.size === 0) {
        sinceMs = nowMs();
        notice.warn(
          "QUARTET_AGENT_COLLECTOR_AWAY",
          `${origin} does not take ${signal} (${cause}); trying again, and keeping what fits: see quartet_agent_dropped_total`,
        );
      }
      failing.add(signal);
    },
    succeeded(signal) {
      if (!failing.delete(signal) || failing.size > 0) return;
      notice.info(
        "QUARTET_AGENT_COLLECTOR_BACK",
        `${origin} is back after ${Math.round((nowMs() - sinceMs) / 1_000)} s`,
      );
    },
    isAway: () => failing.size > 0,
  };
}
