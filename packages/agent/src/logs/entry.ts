import type { HrTime, SpanContext } from "@opentelemetry/api";

/** One log record on its way into the outbox. */
export interface LogEntry {
  readonly time: HrTime;
  /** 1 to 24; 0 when unknown. */
  readonly severityNumber: number;
  /** The logger's own name of the level; "" when unknown. */
  readonly severityText: string;
  /** undefined: the record has no message. */
  readonly body: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly spanContext: SpanContext | undefined;
  readonly eventName?: string | undefined;
}

/** Severity numbers from here on mean an error (OpenTelemetry's data model of logs, "Severity Fields"). */
export const errorSeverityNumber = 17;
