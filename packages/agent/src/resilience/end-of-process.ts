/** What the agent does when the process is going to end, in the order of the ways it can end. */
export interface EndOfProcess {
  /** The signal has come: tell the probes, at once. */
  readonly onSignal: () => void;
  /** Nobody will answer the running requests any more. `errorType` says why. */
  readonly abandonRequests: (errorType: string) => void;
  readonly onUncaught: (error: unknown) => void;
  /** Sends what is recorded; resolves when that was tried or the deadline has passed. Never rejects. */
  readonly flush: () => Promise<void>;
  /** Sends what is left, blocking. Called once at most. */
  readonly sendLastWords: () => void;
  /** How much has been recorded: tells whether a flush has anything new to do. */
  readonly recordedCount: () => number;
  /** Only the main thread gets signals. */
  readonly hasSignals: boolean;
}

const signals = ["SIGTERM", "SIGINT"] as const;

/**
 * Watches the ways a process ends, and lets it end as it would have without the agent:
 * - a signal without a listener of the service's: flush, then the signal's default (death by that signal); a second one works at once;
 * - a signal that the service handles: flush beside it, and leave the end to the service;
 * - nothing left to do: flush, then end;
 * - an uncaught exception, or process.exit: what is left is sent while the process waits, then Node goes on.
 * Gives a function that stops watching.
 */
export function watchEnd(end: EndOfProcess): () => void {
  let isOver = false;
  let flushedCount = -1;

  const lastWords = (errorType: string): void => {
    if (isOver) return;
    isOver = true;
    end.abandonRequests(errorType);
    end.sendLastWords();
  };

  const onSignal = (signal: NodeJS.Signals): void => {
    end.onSignal();
    if (process.listenerCount(signal) > 1) {
      void end.flush();
      return;
    }
    process.off(signal, onSignal);
    end.abandonRequests(signal);
    void end.flush().then(() => {
      isOver = true;
      process.kill(process.pid, signal);
    });
  };

  const onBeforeExit = (): void => {
    // Node asks again each time something kept it alive: only what is new is worth staying for.
    if (flushedCount === end.recordedCount()) return;
    const keepAlive = setInterval(() => undefined, 1_000);
    void end.flush().then(() => {
      flushedCount = end.recordedCount();
      clearInterval(keepAlive);
    });
  };

  const onUncaught = (error: unknown): void => {
    end.onUncaught(error);
    const isHandled =
      process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback();
    if (isHandled) void end.flush();
    else lastWords(error instanceof Error ? error.name : "_OTHER");
  };

  const onExit = (): void => lastWords("process_exit");

  if (end.hasSignals) for (const signal of signals) process.on(signal, onSignal);
  process.on("beforeExit", onBeforeExit);
  process.on("uncaughtExceptionMonitor", onUncaught);
  process.on("exit", onExit);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
    process.off("beforeExit", onBeforeExit);
    process.off("uncaughtExceptionMonitor", onUncaught);
    process.off("exit", onExit);
  };
}
