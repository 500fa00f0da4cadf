import { SpanStatusCode, type HrTime, type SpanContext } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { writeAttributes, type ProtobufWriter } from "../resilience/index.ts";

/** Bits 8 and 9 of Span.flags: whether the parent's remoteness is known, and whether it is remote. */
const hasIsRemote = 0x100;
const isRemoteBit = 0x200;

/**
 * Writes a span as field 2 of ScopeSpans.
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
 */
export function encodeSpan(writer: ProtobufWriter, span: ReadableSpan): void {
  const spanContext = span.spanContext();
  const parent = span.parentSpanContext;
  const start = writer.open(2);
  writer.hex(1, spanContext.traceId);
  writer.hex(2, spanContext.spanId);
  const state = spanContext.traceState?.serialize();
  if (state !== undefined && state !== "") writer.string(3, state);
  if (parent !== undefined) writer.hex(4, parent.spanId);
  writer.string(5, span.name);
  // SpanKind of the API counts from 0 INTERNAL; OTLP has 0 for unspecified.
  writer.integer(6, span.kind + 1);
  writeTime(writer, 7, span.startTime);
  writeTime(writer, 8, span.endTime);
  writeAttributes(writer, 9, span.attributes);
  writeCount(writer, 10, span.droppedAttributesCount);
  for (const event of span.events) {
    const eventStart = writer.open(11);
    writeTime(writer, 1, event.time);
    writer.string(2, event.name);
    writeAttributes(writer, 3, event.attributes ?? {});
    writeCount(writer, 4, event.droppedAttributesCount ?? 0);
    writer.close(eventStart);
  }
  writeCount(writer, 12, span.droppedEventsCount);
  for (const link of span.links) {
    const linkStart = writer.open(13);
    writeLink(writer, link.context);
    writeAttributes(writer, 4, link.attributes ?? {});
    writeCount(writer, 5, link.droppedAttributesCount ?? 0);
    writer.fixed32(6, flagsOf(link.context, link.context.isRemote));
    writer.close(linkStart);
  }
  writeCount(writer, 14, span.droppedLinksCount);
  const { code, message } = span.status;
  if (code !== SpanStatusCode.UNSET) {
    const statusStart = writer.open(15);
    if (message !== undefined && message !== "") writer.string(2, message);
    writer.integer(3, code);
    writer.close(statusStart);
  }
  writer.fixed32(16, flagsOf(spanContext, parent?.isRemote));
  writer.close(start);
}

function writeLink(writer: ProtobufWriter, { traceId, spanId, traceState }: SpanContext): void {
  writer.hex(1, traceId);
  writer.hex(2, spanId);
  const state = traceState?.serialize();
  if (state !== undefined && state !== "") writer.string(3, state);
}

function flagsOf({ traceFlags }: SpanContext, isRemote: boolean | undefined): number {
  return (traceFlags & 0xff) | hasIsRemote | (isRemote === true ? isRemoteBit : 0);
}

function writeTime(writer: ProtobufWriter, field: number, [seconds, nanoseconds]: HrTime): void {
  writer.time(field, seconds, nanoseconds);
}

function writeCount(writer: ProtobufWriter, field: number, count: number): void {
  if (count > 0) writer.integer(field, count);
}
