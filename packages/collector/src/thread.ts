import { existsSync, readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";
import type { MessagePort, Worker } from "node:worker_threads";
import { CollectorError, type ErrorCode } from "./model/index.ts";

type Handler = (params: never, isCancelled: () => boolean) => unknown;

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
  /** One Int32: 1 once the caller gave up. A busy worker reads no messages, but it can read memory. */
  readonly cancelled: SharedArrayBuffer;
}

type Reply =
  | { readonly id: number; readonly kind: "value"; readonly value: unknown }
  | {
      readonly id: number;
      readonly kind: "error";
      readonly message: string;
      readonly code: ErrorCode | undefined;
      readonly retryAfterMs: number | undefined;
      /** Of the thread that failed; ours would say nothing. */
      readonly stack: string | undefined;
    };

interface CallOptions {
  /** Aborts when the caller gives up. */
  readonly signal?: AbortSignal;
  readonly transfer?: readonly ArrayBuffer[];
}

/** The program of a thread; in dist the file beside this one ends in .js. */
export function workerFile(name: string): URL {
  return new URL(
    `./${name}-worker${import.meta.url.slice(import.meta.url.lastIndexOf("."))}`,
    import.meta.url,
  );
}

const backgroundPriority = 10;

/**
 * Lets all other threads go first where there are too few processors: what nobody waits for by the millisecond must not hold up
 * what somebody does. On Linux a thread has a priority of its own, by its number; elsewhere nothing happens.
 */
export function giveWay(): void {
  const self = "/proc/thread-self";
  if (process.platform !== "linux" || !existsSync(self)) return;
  setPriority(Number(basename(readlinkSync(self))), backgroundPriority);
}

/** The methods of another thread. */
export interface Remote {
  /**
   * Calls a method there. Arguments and result are copied (shared memory is shared); what stands in `transfer` moves there instead.
   * @throws CollectorError as the method threw it; Error when the thread is gone.
   */
  call<T>(method: string, params?: unknown, options?: CallOptions): Promise<T>;
}

/** What a handler gives when the memory of its result is to move to the caller, not to be copied. */
export class Moved {
  readonly bytes: Uint8Array<ArrayBuffer>;

  /** `bytes`: nobody else needs what they lie in. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
  }
}

/** Answers calls that come in on a port. Each handler gets the parameters and a cheap test of cancellation. */
export function serveCalls(port: MessagePort, handlers: Readonly<Record<string, Handler>>): void {
  const answer = async ({ id, method, params, cancelled }: Call): Promise<void> => {
    const flag = new Int32Array(cancelled);
    try {
      const handler = handlers[method];
      if (handler === undefined) throw new Error(`this thread has no method ${method}`);
      const result = await handler(params as never, () => Atomics.load(flag, 0) === 1);
      const [value, moving] = result instanceof Moved ? [result.bytes, [result.bytes.buffer]] : [result, []];
      port.postMessage({ id, kind: "value", value } satisfies Reply, moving);
    } catch (error) {
      const { code, retryAfterMs } = error instanceof CollectorError ? error : {};
      const message = error instanceof Error ? error.message : String(error);
      const stack = error instanceof Error ? error.stack : undefined;
      port.postMessage({ id, kind: "error", message, code, retryAfterMs, stack } satisfies Reply);
    }
  };
  port.on("message", (call: Call) => void answer(call));
}

/** The methods that the worker serves with `serveCalls`. Calls under way fail when the worker ends. */
export function connectThread(worker: Worker): Remote {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let nextId = 1;
  let endedBecause: string | undefined;
  worker.on("message", (reply: Reply) => {
    const caller = waiting.get(reply.id);
    if (caller === undefined) return;
    waiting.delete(reply.id);
    if (reply.kind === "value") caller.resolve(reply.value);
    else caller.reject(errorOf(reply));
  });
  const end = (reason: string) => {
    endedBecause ??= reason;
    for (const caller of waiting.values()) caller.reject(new Error(endedBecause));
    waiting.clear();
  };
  worker.on("error", (error: Error) => end(`the thread failed: ${error.message}`));
  worker.on("exit", () => end("the thread has ended"));
  return {
    async call<T>(method: string, params: unknown = {}, options: CallOptions = {}): Promise<T> {
      const { signal, transfer = [] } = options;
      if (endedBecause !== undefined) throw new Error(endedBecause);
      const id = nextId;
      nextId += 1;
      const cancelled = new SharedArrayBuffer(4);
      const cancel = () => Atomics.store(new Int32Array(cancelled), 0, 1);
      if (signal?.aborted === true) cancel();
      signal?.addEventListener("abort", cancel);
      try {
        return await new Promise<T>((resolve, reject) => {
          waiting.set(id, { resolve, reject });
          worker.postMessage({ id, method, params, cancelled } satisfies Call, [...transfer]);
        });
      } finally {
        signal?.removeEventListener("abort", cancel);
      }
    },
  };
}

function errorOf({ code, message, retryAfterMs, stack }: Extract<Reply, { kind: "error" }>): Error {
  const error =
    code === undefined
      ? new Error(message)
      : new CollectorError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
  if (stack !== undefined) error.stack = stack;
  return error;
}
