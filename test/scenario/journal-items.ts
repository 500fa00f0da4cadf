import { readSegments } from "../../packages/collector/src/journal/index.ts";
import { oracleDecode, requestTypes, type Signal } from "../contract/otlp/schema.ts";

/** Spans, log records or data points in the journal's segments, counted by a generated decoder; and as the records' headers say. */
export function countJournaled(dataDir: string, stream: Signal): { decoded: number; counted: number } {
  let decoded = 0;
  let counted = 0;
  for (const { payload, itemCount } of readSegments({ dir: dataDir, stream })) {
    decoded += countItemsOf(oracleDecode(requestTypes[stream], payload));
    counted += itemCount;
  }
  return { decoded, counted };
}

function countItemsOf(message: unknown): number {
  if (Array.isArray(message)) return message.reduce<number>((sum, item) => sum + countItemsOf(item), 0);
  if (typeof message !== "object" || message === null) return 0;
  return Object.entries(message).reduce((sum, [name, value]) => {
    const isItems = name === "spans" || name === "logRecords" || name === "dataPoints";
    return sum + (isItems ? (value as unknown[]).length : countItemsOf(value));
  }, 0);
}
