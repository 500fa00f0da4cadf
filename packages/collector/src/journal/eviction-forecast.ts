/** How far an exporter was behind at one moment. */
export interface LagSample {
  readonly atMs: number;
  readonly lagBytes: number;
}

export interface EvictionForecast {
  /** To be told every few seconds, for each exporter. */
  observe(consumer: string, sample: LagSample): void;
  /**
   * When records would be dropped that this exporter has not sent, if its lag goes on to grow as it did lately;
   * infinite when it does not grow.
   */
  seconds(consumer: string, room: { readonly sizeBytes: number; readonly diskShare: number }): number;
}

/** The steeper growth of the two counts: an outage shows soon, and a short burst of the back end does not hide a long decline. */
const windowsMs = [30_000, 300_000];
/** A healthy exporter's lag jumps by a batch or two; over less time than this that would look like an outage. */
const spanMsMin = 20_000;

/** Knows nothing but what it is told, so that it can be tested without a journal. */
export function createEvictionForecast(): EvictionForecast {
  const seen = new Map<string, LagSample[]>();

  const growthBytesPerSecond = (samples: readonly LagSample[]): number => {
    const last = samples.at(-1);
    if (last === undefined) return 0;
    let growth = 0;
    for (const windowMs of windowsMs) {
      const first = samples.find(({ atMs }) => atMs >= last.atMs - windowMs)!;
      if (last.atMs - first.atMs < spanMsMin) continue;
      growth = Math.max(growth, ((last.lagBytes - first.lagBytes) / (last.atMs - first.atMs)) * 1_000);
    }
    return growth;
  };

  return {
    observe(consumer, sample) {
      const samples = seen.get(consumer) ?? [];
      samples.push(sample);
      const oldestMs = sample.atMs - windowsMs.at(-1)!;
      seen.set(
        consumer,
        samples.filter(({ atMs }) => atMs >= oldestMs && atMs <= sample.atMs),
      );
    },
    seconds(consumer, { sizeBytes, diskShare }) {
      const growth = growthBytesPerSecond(seen.get(consumer) ?? []) * diskShare;
      return growth > 0 ? Math.max(0, sizeBytes) / growth : Number.POSITIVE_INFINITY;
    },
  };
}
