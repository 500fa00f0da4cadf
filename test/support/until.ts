import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

export interface UntilSettings {
  /** How long to go on asking. */
  readonly deadlineMs: number;
  /** What is awaited, for the error: "the alert to fire". */
  readonly what: string;
  /** The pause between two attempts; 50 when not given. */
  readonly intervalMs?: number;
  /** Ends the wait at once with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Thrown when the deadline passed; `cause` is what the last attempt threw, if it threw. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * Asks `attempt` again and again until it gives something other than `undefined`, `null` or `false`, and returns that.
 * An attempt that throws counts as "not yet"; assertions can therefore stand in it.
 * @throws DeadlineError naming `what`, the last value and the last error.
 */
export async function until<T>(
  attempt: () => T | Promise<T>,
  { deadlineMs, what, intervalMs = 50, signal }: UntilSettings,
): Promise<Exclude<T, undefined | null | false>> {
  const endsMs = performance.now() + deadlineMs;
  let lastValue: unknown;
  let lastError: unknown;
  let attemptCount = 0;
  do {
    signal?.throwIfAborted();
    attemptCount += 1;
    lastError = undefined;
    try {
      const value = await within(attempt(), endsMs);
      if (value !== undefined && value !== null && value !== false)
        return value as Exclude<T, undefined | null | false>;
      lastValue = value;
    } catch (error) {
      lastError = error;
    }
    await sleep(Math.min(intervalMs, Math.max(0, endsMs - performance.now())), undefined, { ref: true });
  } while (performance.now() < endsMs);
  const last = lastError === undefined ? `gave ${inspect(lastValue)}` : `failed with: ${describe(lastError)}`;
  throw new DeadlineError(
    `Waited ${deadlineMs} ms for ${what}; the last of ${attemptCount} attempts ${last}`,
    { cause: lastError },
  );
}

/** An attempt that never settles must not outlive the deadline. */
async function within<T>(value: T | Promise<T>, endsMs: number): Promise<T> {
  if (!(value instanceof Promise)) return value;
  const timer = new AbortController();
  const late = sleep(Math.max(1, endsMs - performance.now()), undefined, { signal: timer.signal }).then(
    () => {
      throw new Error("the attempt did not settle before the deadline");
    },
  );
  try {
    return await Promise.race([value, late]);
  } finally {
    timer.abort();
    // The aborted timer rejects; nobody awaits it any more.
    late.catch(() => undefined);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : inspect(error);
}
