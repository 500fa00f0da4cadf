import { channel } from "node:diagnostics_channel";
import { context, isSpanContextValid, trace, type SpanContext } from "@opentelemetry/api";
import type { Guard } from "../resilience/index.ts";
import type { LogEntry } from "./entry.ts";
import { createPinoKeysFinder, type PinoKeys, type PinoLogger } from "./pino-logger.ts";
import { createPinoBindings, readPinoCall } from "./pino-record.ts";
import { severityNumberOf } from "./severity.ts";

export interface PinoLogsSettings {
  readonly guard: Guard;
  readonly nowMs: () => number;
  /** Takes each log record; undefined when logs are not exported: lines carry the ids all the same. */
  readonly onEntry: ((entry: LogEntry) => void) | undefined;
}

export interface PinoLogs {
  start(): void;
  stop(): void;
}

/** What pino publishes around the making of one line: the same object at the start and at the end. */
interface Message {
  readonly instance: PinoLogger;
  readonly arguments: ArrayLike<unknown>;
  readonly result?: unknown;
  [saved]?: { readonly keys: PinoKeys; readonly bindings: string };
}
const saved = Symbol("quartet.saved-bindings");

/**
 * Ids into the lines of every pino logger, and every line as a log record, from pino's own channel (9.10 and later; an older one
 * is made to publish: see pino-older.ts). No loader hook: any copy, in CommonJS, ES modules and bundles, fastify's logger too.
 *
 * The channel cannot change a call's arguments. But pino reads the logger's bindings, a piece of JSON, after it has published the
 * start: the ids stand behind them for the making of this one line.
 */
export function createPinoLogs({ guard, nowMs, onEntry }: PinoLogsSettings): PinoLogs {
  const findKeys = createPinoKeysFinder();
  const bindings = createPinoBindings();

  const onStart = guard("tracing:pino_asJson:start", (data: unknown) => {
    const message = data as Message;
    const spanContext = activeSpanContext();
    if (spanContext === undefined) return;
    const keys = findKeys(message.instance);
    if (keys === undefined) return;
    const own = keys.bindingsOf(message.instance);
    // The service may write ids of its own (a mixin, a child), and a serializer may log while a line is being made.
    const merged = message.arguments[0] as { trace_id?: unknown } | null | undefined;
    if (own.includes('"trace_id":') || merged?.trace_id !== undefined) return;
    message[saved] = { keys, bindings: own };
    keys.setBindings(message.instance, own + idsOf(spanContext));
  });

  const onEnd = guard("tracing:pino_asJson:end", (data: unknown) => {
    const message = data as Message;
    const before = message[saved];
    before?.keys.setBindings(message.instance, before.bindings);
    if (onEntry === undefined || typeof message.result !== "string") return;
    const keys = before?.keys ?? findKeys(message.instance);
    if (keys === undefined) return;
    const level = Number(message.arguments[2]);
    const timeMs = nowMs();
    onEntry({
      ...readPinoCall(
        {
          logger: message.instance,
          merged: (message.arguments[0] ?? {}) as Record<string, unknown>,
          message: message.arguments[1],
          line: message.result,
        },
        keys,
        bindings,
      ),
      time: [Math.floor(timeMs / 1_000), (timeMs % 1_000) * 1_000_000],
      severityNumber: severityNumberOf(level),
      severityText: message.instance.levels?.labels?.[level] ?? "",
      spanContext: activeSpanContext(),
    });
  });

  const start = channel("tracing:pino_asJson:start");
  const end = channel("tracing:pino_asJson:end");
  return {
    start() {
      start.subscribe(onStart);
      end.subscribe(onEnd);
    },
    stop() {
      start.unsubscribe(onStart);
      end.unsubscribe(onEnd);
    },
  };
}

function activeSpanContext(): SpanContext | undefined {
  const spanContext = trace.getSpanContext(context.active());
  return spanContext !== undefined && isSpanContextValid(spanContext) ? spanContext : undefined;
}

function idsOf({ traceId, spanId, traceFlags }: SpanContext): string {
  const flags = (traceFlags & 0xff).toString(16).padStart(2, "0");
  return `,"trace_id":"${traceId}","span_id":"${spanId}","trace_flags":"${flags}"`;
}
