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
/** The kernel gives the first process of a container no default for signals: without a handler it lives on, and so it does here. */
const initPid = 1;

/**
 * Watches the ways a process ends, and lets it end as it would have without the agent:
 * - a signal that no listener of the service's handles: flush, then the signal's default (death by that signal); a second one does not wait;
 * - a signal that the service handles: flush beside it, and leave the end to the service;
 * - nothing left to do: flush, then end;
 * - an uncaught exception, or process.exit: what is left is sent while the process waits, then Node goes on.
 * Gives a function that stops watching.
 */
export function watchEnd(end: EndOfProcess): () => void {
  let isOver = false;
  let isEnding = false;
  let flushedCount = -1;

  const lastWords = (errorType: string): void => {
    if (isOver) return;
    isOver = true;
    end.abandonRequests(errorType);
    end.sendLastWords();
  };

  const onSignal = (signal: NodeJS.Signals): void => {
    end.onSignal();
    const isHandled = process.listenerCount(signal) > 1 + politeListenerCount();
    if (isHandled || process.pid === initPid) {
      void end.flush();
      return;
    }
    const repeat = (): void => {
      isOver = true;
      process.off(signal, onSignal);
      process.kill(process.pid, signal);
    };
    // Who signals twice does not want to wait.
    if (isEnding) return repeat();
    isEnding = true;
    end.abandonRequests(signal);
    void end.flush().then(repeat);
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

/**
 * Listeners of the package signal-exit, which many others use to tidy up: they repeat the signal themselves, but only when there is no
 * other listener. With the agent's there is one, so the agent repeats it, having taken its own away, and they come into their own then.
 */
function politeListenerCount(): number {
  const versions = [
    (process as { __signal_exit_emitter__?: unknown }).__signal_exit_emitter__,
    (globalThis as Record<symbol, unknown>)[Symbol.for("signal-exit emitter")],
  ];
  return versions
    .map((emitter) => (emitter as { count?: unknown } | undefined)?.count)
    .reduce((sum: number, count) => sum + (typeof count === "number" ? count : 0), 0);
}
