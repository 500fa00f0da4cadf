import { slotStatusCode } from "./field-table.ts";
import { emptySpanFields, readPlainSpan, type SpanFields } from "./plain-span.ts";
import { emptyResource, findResource, type ResourceScan } from "./resource-scan.ts";
import { Scanner } from "./scanner.ts";
import { WireCursor } from "./wire.ts";

/**
 * One span as offsets into `bytes`; the same object is filled in anew for every span.
 * Starts of what a span lacks are -1.
 */
export interface SpanScan extends ResourceScan, SpanFields {
  readonly bytes: Uint8Array;
  /** The span with its tag and length, and its content alone; both end at `end`. */
  outerStart: number;
  start: number;
  end: number;
}

// Fields of Span.
const fieldTraceId = 1;
const fieldSpanId = 2;
const fieldTraceState = 3;
const fieldParentSpanId = 4;
const fieldName = 5;
const fieldKind = 6;
const fieldStart = 7;
const fieldEnd = 8;
const fieldFlags = 16;

/**
 * Walks an ExportTraceServiceRequest (or several concatenated) and calls `visit` for each span, in order.
 * Reads a span's own fields; its attributes, events and links are passed over unread (`inspectRequest` checks them at the door).
 * Nothing is allocated per span; `visit` must copy what it keeps.
 * @throws CollectorError QUARTET_OTLP_INVALID naming path and byte where the message breaks.
 */
export function scanSpans(bytes: Uint8Array, visit: (span: SpanScan) => void): void {
  const scanner = new Scanner("spans", bytes, {
    depth: "shallow",
    listener: {
      enterResourceGroup: (start, end) => findResource(cursor, span, { start, end }),
      takeItem(outerStart, start, end) {
        span.outerStart = outerStart;
        span.start = start;
        span.end = end;
        const isTaken = readPlainSpan(scanner, span, { start, end, checkPart: undefined });
        if (isTaken) visit(span);
        return isTaken;
      },
      leaveItem() {
        fill(span, scanner);
        visit(span);
      },
    },
  });
  const cursor = new WireCursor(scanner.bytes);
  const span: SpanScan = {
    ...emptyResource(),
    bytes: scanner.bytes,
    outerStart: 0,
    start: 0,
    end: 0,
    ...emptySpanFields(),
  };
  scanner.run();
}

function fill(span: SpanScan, scanner: Scanner): void {
  const { starts, ends, view } = scanner;
  span.traceIdStart = idStart(scanner, fieldTraceId, 16);
  span.spanIdStart = idStart(scanner, fieldSpanId, 8);
  span.parentSpanIdStart = idStart(scanner, fieldParentSpanId, 8);
  span.traceStateStart = starts[fieldTraceState]!;
  span.traceStateEnd = span.traceStateStart < 0 ? -1 : ends[fieldTraceState]!;
  span.nameStart = starts[fieldName]!;
  span.nameEnd = span.nameStart < 0 ? -1 : ends[fieldName]!;
  span.kind = scanner.numbers[fieldKind]!;
  const startAt = starts[fieldStart]!;
  span.startLow = startAt < 0 ? 0 : view.getUint32(startAt, true);
  span.startHigh = startAt < 0 ? 0 : view.getUint32(startAt + 4, true);
  const endAt = starts[fieldEnd]!;
  span.endLow = endAt < 0 ? 0 : view.getUint32(endAt, true);
  span.endHigh = endAt < 0 ? 0 : view.getUint32(endAt + 4, true);
  const flagsAt = starts[fieldFlags]!;
  span.flags = flagsAt < 0 ? 0 : view.getUint32(flagsAt, true);
  span.statusCode = scanner.numbers[slotStatusCode]!;
}

/** Where an id of `size` bytes begins; -1 when it is missing, of another size, or all zero, which means "none". */
export function idStart({ starts, ends, bytes }: Scanner, field: number, size: number): number {
  const start = starts[field]!;
  if (start < 0 || ends[field]! - start !== size) return -1;
  for (let index = start; index < start + size; index += 1) if (bytes[index] !== 0) return start;
  return -1;
}
