import type { Clock, Pipeline, Scope } from "../resilience/index.ts";
import { countPoints, type TimedFamily } from "./encode-metric.ts";
import type { Family } from "./families.ts";
import type { ScrapeWatch } from "./scrape-watch.ts";

export interface MetricPushSettings {
  readonly collect: () => Promise<readonly Family[]>;
  /** undefined: nothing is pushed. */
  readonly pipeline: Pick<Pipeline<TimedFamily>, "outbox" | "sendSealed"> | undefined;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly startMs: number;
  /** undefined: pushes whoever scrapes. */
  readonly scrapes: ScrapeWatch | undefined;
  /** Runs a function outside every request's async context. */
  readonly detach: (callback: () => void) => void;
}

export interface MetricPush {
  start(): void;
  /** Records the present values at once, for a flush. Never rejects. */
  record(): Promise<void>;
  stop(): void;
}

/** Records all metrics as cumulative data points at each interval; the delivery of the outbox sends them. */
export function createMetricPush(settings: MetricPushSettings): MetricPush {
  const { collect, pipeline, scope, clock, intervalMs, startMs, scrapes, detach } = settings;
  let cancel = (): void => {};
  let isStopped = false;

  const record = async (): Promise<void> => {
    if (pipeline === undefined || isStopped || scrapes?.isScraped() === true) return;
    const families = await collect();
    const timeMs = clock.nowMs();
    for (const family of families) {
      const pointCount = countPoints(family);
      if (pointCount > 0) pipeline.outbox.append(scope, { family, startMs, timeMs }, pointCount);
    }
    // One interval travels in one request.
    pipeline.outbox.seal();
    pipeline.sendSealed();
  };

  const schedule = (): void => {
    cancel = clock.setTimer(() => {
      // The next interval begins when this one is recorded: a slow collect function of the service's cannot pile up.
      void record().then(() => {
        if (!isStopped) schedule();
      });
    }, intervalMs);
  };

  return {
    start() {
      if (pipeline !== undefined) detach(schedule);
    },
    record,
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
