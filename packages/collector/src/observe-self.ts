import type { Clock, SeriesWrite } from "./model/index.ts";
import { createSelfSeries, type Log, type TelemetrySnapshot } from "./telemetry/index.ts";

interface ObserveSelfSettings {
  /** Where the API is, as host:port; the label `instance`. */
  readonly instance: string;
  readonly snapshots: () => Promise<readonly TelemetrySnapshot[]>;
  /** Resolves when the samples are in the `series` stream. */
  readonly append: (writes: readonly SeriesWrite[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

const intervalMs = 15_000;

/**
 * Puts the collector's own metrics into the `series` stream every 15 s, under `job="quartet"`, so that rules can alert on
 * them. A round that fails is logged once and left out: the samples would be late anyway.
 */
export function observeSelf(settings: ObserveSelfSettings): { stop(): void } {
  const { instance, snapshots, append, clock, log } = settings;
  const series = createSelfSeries({ job: "quartet", instance }, clock.nowMs());
  let isStopped = false;
  let hasFailed = false;
  let cancel: () => void = () => undefined;

  async function observe(): Promise<void> {
    try {
      await append(await series.sample(await snapshots(), clock.nowMs()));
      hasFailed = false;
    } catch (error) {
      if (!hasFailed && !isStopped) log.warn("the collector's own metrics could not be kept", { error });
      hasFailed = true;
    }
    if (!isStopped) cancel = clock.setTimer(begin, intervalMs);
  }

  function begin(): void {
    void observe();
  }
  begin();
  return {
    // A round under way is not waited for: it asks other threads, one of which may be why somebody stops.
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
