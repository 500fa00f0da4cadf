import { trace, type Context } from "@opentelemetry/api";
import type { LogEntry } from "./entry.ts";

/**
 * The attributes of an exception, from an Error or from what a serializer made of one; undefined for anything else.
 * @see https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/
 */
export function exceptionAttributes(error: unknown): Record<string, string> | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { name, type, message, stack } = error as Record<string, unknown>;
  if (typeof message !== "string" || typeof stack !== "string") return undefined;
  // pino writes the class as `type`; an Error has it as its name.
  const className = typeof type === "string" ? type : name;
  return {
    "exception.type": typeof className === "string" ? className : "Error",
    "exception.message": message,
    "exception.stacktrace": stack,
  };
}

/** The log record of an exception that nobody caught: FATAL, as it ends the process. */
export function createUncaughtEntry(
  error: unknown,
  { nowMs, context }: { nowMs: number; context: Context },
): LogEntry {
  const attributes = exceptionAttributes(error);
  return {
    time: [Math.floor(nowMs / 1_000), (nowMs % 1_000) * 1_000_000],
    severityNumber: 21,
    severityText: "fatal",
    body: `Uncaught exception: ${attributes?.["exception.message"] ?? String(error)}`,
    attributes: attributes ?? {},
    spanContext: trace.getSpanContext(context),
  };
}
