import type { Notice } from "./notice.ts";

/** Keeps the agent's mistakes away from the service. */
export interface Guard {
  /**
   * Wraps a callback that runs inside the service: what it throws is counted, said once per `name`, and goes no further.
   * Without it a throwing subscriber of a diagnostics channel ends the process.
   */
  <Arguments extends unknown[]>(
    name: string,
    callback: (...args: Arguments) => void,
  ): (...args: Arguments) => void;
  /** How many mistakes were caught. */
  readonly errorCount: () => number;
}

export function createGuard(notice: Notice): Guard {
  let errorCount = 0;
  const said = new Set<string>();
  const guard =
    <Arguments extends unknown[]>(name: string, callback: (...args: Arguments) => void) =>
    (...args: Arguments): void => {
      try {
        callback(...args);
      } catch (error) {
        errorCount += 1;
        if (said.has(name)) return;
        said.add(name);
        notice.warn(
          "QUARTET_AGENT_INTERNAL",
          `${name} failed: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    };
  return Object.assign(guard, { errorCount: () => errorCount });
}
