import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Answer, Endpoint, Parameters } from "./api/index.ts";
import { CollectorError, type Clock } from "./model/index.ts";
import type { Log, Telemetry } from "./telemetry/index.ts";
import type { QueryWorkerData } from "./query-worker.ts";
import { connectThread, workerFile, type Remote } from "./thread.ts";

/** A thread that answers queries. */
export interface QueryThread extends Remote {
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  terminate(): Promise<void>;
}

export interface QueryPoolSettings {
  readonly start: () => QueryThread;
  readonly threadsMax: number;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

/** Threads for queries: as many as are asked at a time, up to a bound, and none while nobody asks. */
export interface QueryPool {
  /**
   * Has a thread of its own answer; waits for one when all are at work. A thread that dies of a query takes no other with it.
   * @throws CollectorError QUARTET_PROMQL_EXECUTION, QUARTET_PROMQL_TIMEOUT in the queue, QUARTET_PROMQL_CANCELLED.
   */
  ask(endpoint: Endpoint, parameters: Parameters, signal: AbortSignal): Promise<Answer>;
  readonly threadCount: number;
  /** Ends every thread, whatever it is at; questions under way fail. Safe to call twice. */
  stop(): Promise<void>;
}

interface PoolThread {
  readonly thread: QueryThread;
  hasEnded: boolean;
  cancelIdle: () => void;
}

interface Waiting {
  readonly take: (thread: PoolThread) => void;
  readonly giveUp: (error: CollectorError) => void;
}

/** As long as a query may take: who waits longer would have given up. */
const queueTimeoutMs = 120_000;
/** The next question starts one again, which takes a tenth of a second. */
const idleMs = 300_000;
/** A query looks up many times a second; one that does not hear for so long will not any more. */
const leaveDeadlineMs = 10_000;

const stopping = () => new CollectorError("QUARTET_PROMQL_CANCELLED", "the collector is stopping");

export function createQueryPool(settings: QueryPoolSettings): QueryPool {
  const { start, threadsMax, clock, telemetry, log } = settings;
  const threads = new Set<PoolThread>();
  const idle: PoolThread[] = [];
  const waiting: Waiting[] = [];
  let isStopped = false;

  telemetry.observedGauge({ name: "quartet_query_threads", help: "Threads for queries." }, (set) =>
    set(threads.size),
  );
  telemetry.observedGauge(
    { name: "quartet_query_waiting", help: "Queries that wait for a thread, as all are at work." },
    (set) => set(waiting.length),
  );
  const failuresTotal = telemetry.counter({
    name: "quartet_query_thread_failures_total",
    help: "Threads that ended in the middle of a query.",
  });

  function add(): PoolThread {
    const added: PoolThread = { thread: start(), hasEnded: false, cancelIdle: () => undefined };
    threads.add(added);
    void added.thread.ended.then(() => lose(added));
    return added;
  }

  /** Lets go of a thread that has ended. */
  function lose(lost: PoolThread): void {
    if (lost.hasEnded) return;
    lost.hasEnded = true;
    lost.cancelIdle();
    threads.delete(lost);
    const at = idle.indexOf(lost);
    if (at >= 0) idle.splice(at, 1);
    // Whoever waited for this one gets another.
    if (!isStopped && waiting.length > 0) waiting.shift()!.take(add());
  }

  function take(signal: AbortSignal): PoolThread | Promise<PoolThread> {
    // The one that was at work last, so that the others become idle for good.
    const last = idle.pop();
    if (last !== undefined) {
      last.cancelIdle();
      return last;
    }
    if (threads.size < threadsMax) return add();
    return new Promise((resolve, reject) => {
      const self: Waiting = {
        take(thread) {
          settle();
          resolve(thread);
        },
        giveUp(error) {
          settle();
          waiting.splice(waiting.indexOf(self), 1);
          reject(error);
        },
      };
      const onAbort = () => self.giveUp(new CollectorError("QUARTET_PROMQL_CANCELLED", "the client left"));
      const cancelTimer = clock.setTimer(
        () => self.giveUp(new CollectorError("QUARTET_PROMQL_TIMEOUT", "query timed out in query queue")),
        queueTimeoutMs,
      );
      const settle = () => {
        cancelTimer();
        signal.removeEventListener("abort", onAbort);
      };
      signal.addEventListener("abort", onAbort);
      waiting.push(self);
    });
  }

  function give(thread: PoolThread): void {
    if (thread.hasEnded) return;
    const next = waiting.shift();
    if (next !== undefined) {
      next.take(thread);
      return;
    }
    idle.push(thread);
    thread.cancelIdle = clock.setTimer(() => {
      lose(thread);
      void thread.thread.terminate();
    }, idleMs);
  }

  return {
    get threadCount() {
      return threads.size;
    },
    async ask(endpoint, parameters, signal) {
      if (isStopped) throw stopping();
      const taken = await take(signal);
      let cancelDeadline: () => void = () => undefined;
      const onAbort = () => {
        cancelDeadline = clock.setTimer(() => void taken.thread.terminate(), leaveDeadlineMs);
      };
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
      try {
        return await taken.thread.call<Answer>(endpoint, parameters, { signal });
      } catch (error) {
        if (error instanceof CollectorError) throw error;
        // Whatever goes wrong in a query is such an error, or an answer: it is the thread that failed.
        lose(taken);
        const { message } = error as Error;
        if (isStopped) throw stopping();
        failuresTotal.add();
        log.error("a thread ended in the middle of a query", { endpoint, error });
        throw new CollectorError("QUARTET_PROMQL_EXECUTION", message, { cause: error });
      } finally {
        cancelDeadline();
        signal.removeEventListener("abort", onAbort);
        give(taken);
      }
    },
    async stop() {
      isStopped = true;
      while (waiting.length > 0) waiting[0]!.giveUp(stopping());
      for (const { cancelIdle } of threads) cancelIdle();
      await Promise.all(Array.from(threads, ({ thread }) => thread.terminate()));
    },
  };
}

/** What lives short in a query is small; what lives long is the labels of its series and the text of its answer. */
const resourceLimits = { maxYoungGenerationSizeMb: 24, maxOldGenerationSizeMb: 1_024 };
const threadsMaxOfMachine = Math.min(4, Math.max(2, availableParallelism() - 1));

/** A pool of real threads. */
export function openQueryPool(
  workerData: QueryWorkerData,
  settings: Pick<QueryPoolSettings, "clock" | "telemetry" | "log">,
): QueryPool {
  const start = (): QueryThread => {
    const worker = new Worker(workerFile("query"), { workerData, name: "query", resourceLimits });
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const remote = connectThread(worker);
    worker.on("error", () => resolve());
    worker.on("exit", () => resolve());
    return { ...remote, ended, terminate: async () => void (await worker.terminate()) };
  };
  return createQueryPool({ ...settings, start, threadsMax: threadsMaxOfMachine });
}
