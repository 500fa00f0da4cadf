import type { LogRecordProcessor } from "@opentelemetry/sdk-logs";
import type { Scope } from "../resilience/index.ts";
import type { LogEntry } from "./entry.ts";

/** Takes what the service writes through OpenTelemetry's own logs API. */
export function createLogProcessor(
  onEntry: (entry: LogEntry, scope: Scope) => void,
  flush: () => Promise<void>,
): LogRecordProcessor {
  return {
    onEmit(record) {
      onEntry(
        {
          time: record.hrTime,
          severityNumber: record.severityNumber ?? 0,
          severityText: record.severityText ?? "",
          body: record.body,
          attributes: record.attributes,
          spanContext: record.spanContext,
          eventName: record.eventName,
        },
        record.instrumentationScope,
      );
    },
    forceFlush: flush,
    shutdown: flush,
  };
}
