import { writeAnyValue, writeAttribute, type ProtobufWriter } from "../resilience/index.ts";
import type { LogEntry } from "./entry.ts";

export interface LogLimits {
  readonly attributeCountMax: number;
  /** Longer texts are cut: in the body, and in the values of attributes. */
  readonly valueLengthMax: number;
}

/**
 * Gives a function that writes an entry as field 2 of ScopeLogs.
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/logs/v1/logs.proto
 */
export function createLogEncoder({
  attributeCountMax,
  valueLengthMax,
}: LogLimits): (writer: ProtobufWriter, entry: LogEntry) => void {
  const cut = (value: unknown): unknown =>
    typeof value === "string" && value.length > valueLengthMax ? value.slice(0, valueLengthMax) : value;

  return (writer, { time, severityNumber, severityText, body, attributes, spanContext, eventName }) => {
    const start = writer.open(2);
    writer.time(1, time[0], time[1]);
    if (severityNumber > 0) writer.integer(2, severityNumber);
    if (severityText !== "") writer.string(3, severityText);
    if (body !== undefined) writeAnyValue(writer, 5, cut(body));
    let attributeCount = 0;
    for (const key in attributes) {
      const value = attributes[key];
      if (value === undefined || value === null || typeof value === "function") continue;
      attributeCount += 1;
      if (attributeCount <= attributeCountMax) writeAttribute(writer, 6, key, cut(value));
    }
    if (attributeCount > attributeCountMax) writer.integer(7, attributeCount - attributeCountMax);
    if (spanContext !== undefined) {
      writer.fixed32(8, spanContext.traceFlags & 0xff);
      writer.hex(9, spanContext.traceId);
      writer.hex(10, spanContext.spanId);
    }
    writer.time(11, time[0], time[1]);
    if (eventName !== undefined && eventName !== "") writer.string(12, eventName);
    writer.close(start);
  };
}
