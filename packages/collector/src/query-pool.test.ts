import { expect, test } from "vitest";
import type { Answer } from "./api/index.ts";
import { createQueryPool, type QueryThread } from "./query-pool.ts";
import { createLog, createTelemetry } from "./telemetry/index.ts";

/** Threads whose answers the test gives. */
function setup(threadsMax: number) {
  const timers = new Map<() => void, number>();
  const clock = {
    nowMs: () => 0,
    setTimer(callback: () => void, delayMs: number) {
      timers.set(callback, delayMs);
      return () => void timers.delete(callback);
    },
  };
  const threads: FakeThread[] = [];
  const pool = createQueryPool({
    start() {
      const thread = new FakeThread();
      threads.push(thread);
      return thread;
    },
    threadsMax,
    clock,
    telemetry: createTelemetry(),
    log: createLog(
      () => undefined,
      () => 0,
    ),
  });
  const ask = (name: string, signal = new AbortController().signal) =>
    pool.ask("query", [["query", name]], signal);
  /** Rings the timers of that length. */
  const ring = (delayMs: number) => {
    for (const [callback, length] of timers) {
      if (length !== delayMs) continue;
      timers.delete(callback);
      callback();
    }
  };
  return { pool, threads, ask, ring, timers };
}

class FakeThread implements QueryThread {
  readonly asked: string[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly ended = this.#ended.promise;
  isTerminated = false;
  #call = Promise.withResolvers<Answer>();

  async call<T>(_method: string, params?: unknown): Promise<T> {
    const [[, name]] = params as [[string, string]];
    this.asked.push(name);
    this.#call = Promise.withResolvers<Answer>();
    return (await this.#call.promise) as T;
  }
  answer(): void {
    this.#call.resolve({ statusCode: 200, body: this.asked.at(-1)! });
  }
  die(): void {
    this.#call.reject(new Error("the thread failed: no memory"));
    this.#ended.resolve();
  }
  async terminate(): Promise<void> {
    this.isTerminated = true;
    this.die();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const answered = (name: string): Answer => ({ statusCode: 200, body: name });

test("a query does not wait for another while there may be a thread more; beyond that they wait in order", async () => {
  const { ask, threads, pool } = setup(2);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => ask(name));
  await settled();
  expect(threads.map(({ asked }) => asked)).toEqual([["a"], ["b"]]);
  threads[1]!.answer();
  expect(await b).toEqual(answered("b"));
  await settled();
  expect(threads.map(({ asked }) => asked)).toEqual([["a"], ["b", "c"]]);
  threads[1]!.answer();
  await c;
  await settled();
  threads[0]!.answer();
  threads[1]!.answer();
  expect(await Promise.all([a, d])).toEqual([answered("a"), answered("d")]);
  // The one that was at work last is asked again.
  const last = ask("e");
  await settled();
  expect(threads).toHaveLength(2);
  expect(pool.threadCount).toBe(2);
  threads.find(({ asked }) => asked.includes("e"))!.answer();
  expect(await last).toEqual(answered("e"));
});

test("a thread that dies fails its own query; the next one in the queue gets a new thread", async () => {
  const { ask, threads } = setup(1);
  const first = ask("a");
  const second = ask("b");
  await settled();
  threads[0]!.die();
  await expect(first).rejects.toMatchObject({
    code: "QUARTET_PROMQL_EXECUTION",
    message: "the thread failed: no memory",
  });
  await settled();
  expect(threads).toHaveLength(2);
  threads[1]!.answer();
  expect(await second).toEqual(answered("b"));
});

test("a thread that dies while nobody asks is not asked again", async () => {
  const { ask, threads } = setup(1);
  const first = ask("a");
  await settled();
  threads[0]!.answer();
  await first;
  threads[0]!.die();
  await settled();
  const second = ask("b");
  await settled();
  threads[1]!.answer();
  expect(await second).toEqual(answered("b"));
});

test("who leaves the queue takes no thread, and who waits as long as a query may take is told so", async () => {
  const { ask, threads, ring, timers } = setup(1);
  void ask("a");
  const leaving = new AbortController();
  const left = ask("b", leaving.signal);
  const late = ask("c");
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: "QUARTET_PROMQL_CANCELLED" });
  ring(120_000);
  await expect(late).rejects.toMatchObject({
    code: "QUARTET_PROMQL_TIMEOUT",
    message: "query timed out in query queue",
  });
  threads[0]!.answer();
  await settled();
  expect(threads.map(({ asked }) => asked)).toEqual([["a"]]);
  // Only that of the idle thread.
  expect([...timers.values()]).toEqual([300_000]);
});

test("a thread whose query does not hear that its client left is ended", async () => {
  const { ask, threads, ring } = setup(1);
  const leaving = new AbortController();
  const query = ask("deaf", leaving.signal);
  await settled();
  leaving.abort();
  expect(threads[0]!.isTerminated).toBe(false);
  ring(10_000);
  expect(threads[0]!.isTerminated).toBe(true);
  await expect(query).rejects.toMatchObject({ code: "QUARTET_PROMQL_EXECUTION" });
});

test("a thread that nobody asks ends after a while, and the next query starts one", async () => {
  const { ask, threads, ring, pool } = setup(2);
  const first = ask("a");
  await settled();
  threads[0]!.answer();
  await first;
  ring(300_000);
  expect(threads[0]!.isTerminated).toBe(true);
  expect(pool.threadCount).toBe(0);
  const second = ask("b");
  await settled();
  threads[1]!.answer();
  expect(await second).toEqual(answered("b"));
});

test("a stop ends every thread, and queries under way and later ones fail", async () => {
  const { ask, threads, pool } = setup(1);
  const first = ask("a");
  const waiting = ask("b");
  await settled();
  const outcomes = Promise.allSettled([first, waiting]);
  await Promise.all([pool.stop(), pool.stop()]);
  expect(threads[0]!.isTerminated).toBe(true);
  const cancelled = { code: "QUARTET_PROMQL_CANCELLED" };
  expect(await outcomes).toMatchObject([{ reason: cancelled }, { reason: cancelled }]);
  await expect(ask("c")).rejects.toMatchObject(cancelled);
  expect(threads).toHaveLength(1);
});
