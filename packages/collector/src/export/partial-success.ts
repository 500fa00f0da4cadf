import { bytesOf, readFields, varintOf } from "./read-fields.ts";

export interface PartialSuccess {
  readonly rejectedCount: number;
  readonly message: string;
}

/**
 * Reads the body of an Export*ServiceResponse: field 1 is partial_success with the rejected count (1) and a message (2).
 * undefined when the body is no such message. An empty one is full success.
 * @see OTLP specification, "Partial Success"
 */
export function parseExportResponse(body: Buffer): PartialSuccess | undefined {
  const fields = readFields(body);
  if (fields === undefined) return undefined;
  const partial = bytesOf(fields, 1);
  if (partial === undefined) return { rejectedCount: 0, message: "" };
  const inner = readFields(partial);
  if (inner === undefined) return undefined;
  return { rejectedCount: varintOf(inner, 1) ?? 0, message: bytesOf(inner, 2)?.toString("utf8") ?? "" };
}
