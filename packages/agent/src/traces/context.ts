import { IncomingMessage } from "node:http";
import { ROOT_CONTEXT, type Context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { serverRequestOf } from "./http-server.ts";

/** The context manager and the one repair that it needs. */
export interface RequestContext {
  readonly manager: AsyncLocalStorageContextManager;
  /** Makes the context active from here on, for this synchronous execution and all that follows from it. */
  readonly enter: (context: Context) => void;
  /** Starts giving a request's events their context. */
  start(): void;
  stop(): void;
}

/**
 * OpenTelemetry's context manager over AsyncLocalStorage.
 *
 * The body of a request is read by its connection, which is older than the request: under AsyncContextFrame (Node 24) "data"
 * and "end" come without the request's context. Where it is lost, and only there, emitting an event of the request restores it.
 */
export function createRequestContext(): RequestContext {
  const manager = new AsyncLocalStorageContextManager();
  const inherited: (this: IncomingMessage, ...args: [string | symbol, ...unknown[]]) => boolean =
    // oxlint-disable-next-line typescript/unbound-method -- it is called with its `this` below
    IncomingMessage.prototype.emit;
  const emit: typeof inherited = function emit(...args) {
    if (manager.active() !== ROOT_CONTEXT) return Reflect.apply(inherited, this, args);
    const record = serverRequestOf(this);
    if (record === undefined) return Reflect.apply(inherited, this, args);
    return manager.with(record.context, () => Reflect.apply(inherited, this, args));
  };
  const before = Object.getOwnPropertyDescriptor(IncomingMessage.prototype, "emit");
  return {
    manager,
    enter: (context) => void manager.attach(context),
    start() {
      Object.defineProperty(IncomingMessage.prototype, "emit", {
        value: emit,
        writable: true,
        configurable: true,
        enumerable: false,
      });
    },
    stop() {
      // Only what is still ours; whoever wrapped it since keeps working.
      if (IncomingMessage.prototype.emit !== emit) return;
      Reflect.deleteProperty(IncomingMessage.prototype, "emit");
      if (before !== undefined) Object.defineProperty(IncomingMessage.prototype, "emit", before);
    },
  };
}
