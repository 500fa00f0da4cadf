import type { Clock } from "../model/index.ts";

/** Resolves after `delayMs`, or as soon as `signal` aborts. */
export async function waitUnlessAborted(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  const cancel = clock.setTimer(wake, delayMs);
  signal.addEventListener("abort", wake, { once: true });
  if (!signal.aborted) await promise;
  signal.removeEventListener("abort", wake);
  cancel();
}
