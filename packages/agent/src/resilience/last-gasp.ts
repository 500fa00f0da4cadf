import { Worker } from "node:worker_threads";

/** One signal's last words. */
export interface LastWords {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: { readonly ca?: Uint8Array; readonly cert?: Uint8Array; readonly key?: Uint8Array };
  /** Sent in order, one after another; the first that fails is the last that is tried. */
  readonly bodies: readonly Uint8Array[];
}

/** What the thread that sends them gets: `state[0]` becomes 1 when all is accepted, 2 when something was not. */
export interface LastGaspOrder {
  readonly lastWords: readonly LastWords[];
  readonly deadlineMs: number;
  readonly state: Int32Array;
}

/**
 * Sends what is left while the process is ending, and blocks until that is done or `deadlineMs` has passed.
 * Gives whether the collector accepted all of it. Never throws; what cannot be sent is lost with the process.
 *
 * In an exit handler, and before Node prints an uncaught exception, the event loop no longer turns: only another thread can use the network.
 */
export function sendLastWords(lastWords: readonly LastWords[], deadlineMs: number): boolean {
  const state = new Int32Array(new SharedArrayBuffer(4));
  // tsc leaves this address as it is: in dist the file ends in .js.
  const source = new URL("./last-gasp-thread.ts", import.meta.url);
  const file = import.meta.url.endsWith(".ts") ? source : new URL(source.href.replace(/ts$/, "js"));
  try {
    const worker = new Worker(file, {
      workerData: { lastWords, deadlineMs, state } satisfies LastGaspOrder,
      // Neither --import nor NODE_OPTIONS: the thread must not start an agent of its own.
      execArgv: [],
      env: {},
    });
    worker.unref();
    worker.on("error", () => undefined);
    Atomics.wait(state, 0, 0, deadlineMs);
  } catch {
    // Out of memory or threads: the process must end as it would have without the agent.
    return false;
  }
  return Atomics.load(state, 0) === 1;
}
