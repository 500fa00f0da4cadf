import type { Clock } from "../model/index.ts";

interface PaceSettings {
  readonly clock: Clock;
  /** How long the whole may take. */
  readonly timeoutMs: number;
  /** What has come so far; undefined while the sender is made to wait. */
  readonly receivedBytes: () => number | undefined;
  /** What there will be; undefined when nobody said so. */
  readonly announcedBytes: () => number | undefined;
  readonly onSlow: (message: string) => void;
}

/** How long a sender may take to get going, and how often it is looked at then. */
const graceMs = 5_000;
const intervalMs = 1_000;
/** On average. Slower than any link that telemetry is sent over; a sender that keeps a connection busy on purpose sends less. */
const bytesPerSecondMin = 1_024;

/**
 * Watches that a body comes at a pace: a thousand bytes a second, and what was announced at half the pace that would bring it in time.
 * Otherwise a sender could hold what is reserved for it with a byte now and then. Returns what ends the watch.
 */
export function watchPace(settings: PaceSettings): () => void {
  const { clock, timeoutMs, receivedBytes, announcedBytes, onSlow } = settings;
  let waitedMs = Math.min(graceMs, timeoutMs);
  let cancel = clock.setTimer(look, waitedMs);

  function look(): void {
    // Not the clock's time: it may be set, and it passes while the process does not run.
    if (waitedMs >= timeoutMs) {
      onSlow(`the request took longer than ${timeoutMs / 1_000} s to arrive`);
      return;
    }
    const bytes = receivedBytes();
    const wantedBytes = Math.max(
      (bytesPerSecondMin * waitedMs) / 1_000,
      ((announcedBytes() ?? 0) * waitedMs) / timeoutMs / 2,
    );
    if (bytes !== undefined && bytes < wantedBytes) {
      onSlow(`the request comes too slowly: ${bytes} bytes in ${Math.round(waitedMs / 1_000)} s`);
      return;
    }
    const pauseMs = Math.min(intervalMs, timeoutMs - waitedMs);
    waitedMs += pauseMs;
    cancel = clock.setTimer(look, pauseMs);
  }

  return () => cancel();
}
