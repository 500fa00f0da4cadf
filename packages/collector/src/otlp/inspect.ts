import { isUtf8 } from "node:buffer";
import { ByteWriter } from "./byte-writer.ts";
import { decodeRequest } from "./decode.ts";
import { scanLogs, scanSpans } from "./scan.ts";
import { WireCursor } from "./wire.ts";

type Signal = "spans" | "logs" | "metrics";

/** What the one pass over a request at the door found. */
export interface Inspection {
  /** Spans, log records or data points that are good. */
  readonly itemCount: number;
  readonly rejectedCount: number;
  /** Why the first one was rejected; "" when none was. */
  readonly rejectedReason: string;
  /** The request without what was rejected: the very same bytes when nothing was. */
  readonly bytes: Uint8Array;
}

/**
 * Checks a request and cuts out the items that a back end would choke on: one bad span must not fail its batch downstream.
 * @throws CollectorError QUARTET_OTLP_INVALID when the message itself is broken.
 */
export function inspectRequest(signal: Signal, bytes: Uint8Array): Inspection {
  switch (signal) {
    case "spans":
      return inspectSpans(bytes);
    case "logs": {
      let itemCount = 0;
      scanLogs(bytes, () => (itemCount += 1));
      return { itemCount, rejectedCount: 0, rejectedReason: "", bytes };
    }
    case "metrics":
      return { itemCount: countDataPoints(bytes), rejectedCount: 0, rejectedReason: "", bytes };
  }
}

/** Spans, log records or data points in a request. @throws CollectorError QUARTET_OTLP_INVALID */
export function countItems(signal: Signal, bytes: Uint8Array): number {
  let count = 0;
  switch (signal) {
    case "spans":
      scanSpans(bytes, () => (count += 1));
      return count;
    case "logs":
      scanLogs(bytes, () => (count += 1));
      return count;
    case "metrics":
      return countDataPoints(bytes);
  }
}

function inspectSpans(bytes: Uint8Array): Inspection {
  let itemCount = 0;
  let rejectedReason = "";
  const rejected = new Set<number>();
  scanSpans(bytes, (span) => {
    const reason = reasonOf(bytes, span);
    if (reason === undefined) {
      itemCount += 1;
      return;
    }
    rejectedReason ||= reason;
    rejected.add(span.outerStart);
  });
  const kept = rejected.size === 0 ? bytes : cutItems(bytes, rejected);
  return { itemCount, rejectedCount: rejected.size, rejectedReason, bytes: kept };
}

function reasonOf(
  bytes: Uint8Array,
  span: Parameters<Parameters<typeof scanSpans>[1]>[0],
): string | undefined {
  if (span.traceIdSize !== 16 || isZero(bytes, span.traceIdStart, 16))
    return "a trace id is not 16 bytes that are not all zero";
  if (span.spanIdSize !== 8 || isZero(bytes, span.spanIdStart, 8))
    return "a span id is not 8 bytes that are not all zero";
  if (span.nameStart >= 0 && !isUtf8(bytes.subarray(span.nameStart, span.nameEnd)))
    return "a span's name is no UTF-8";
  return undefined;
}

function isZero(bytes: Uint8Array, start: number, size: number): boolean {
  for (let index = start; index < start + size; index += 1) if (bytes[index] !== 0) return false;
  return true;
}

/** Writes the message anew without the items that begin at the given bytes; the lengths of what held them shrink. */
function cutItems(bytes: Uint8Array, rejected: ReadonlySet<number>): Uint8Array {
  const cursor = new WireCursor(bytes);
  const rebuild = (end: number, depth: number): Uint8Array => {
    const writer = new ByteWriter();
    while (cursor.position < end) {
      const start = cursor.position;
      cursor.tag(end);
      const { field } = cursor;
      cursor.skip(end);
      // Field 1 of the request, 2 of a resource's group and 2 of a scope's group lead to the items.
      const isOnTheWay = field === (depth === 0 ? 1 : 2);
      if (depth === 2 && rejected.has(start)) continue;
      if (!isOnTheWay || depth === 2) {
        writer.raw(bytes.subarray(start, cursor.position));
        continue;
      }
      const contentEnd = cursor.end;
      cursor.position = cursor.start;
      writer.bytes(field, rebuild(contentEnd, depth + 1));
      cursor.position = contentEnd;
    }
    return writer.take();
  };
  return rebuild(bytes.length, 0);
}

interface PlainMetrics {
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics?: readonly {
      readonly metrics?: readonly Readonly<
        Record<string, { readonly dataPoints?: readonly unknown[] } | undefined>
      >[];
    }[];
  }[];
}

function countDataPoints(bytes: Uint8Array): number {
  const kinds = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];
  const { resourceMetrics = [] } = decodeRequest("metrics", bytes) as PlainMetrics;
  return resourceMetrics
    .flatMap(({ scopeMetrics = [] }) => scopeMetrics)
    .flatMap(({ metrics = [] }) => metrics)
    .reduce(
      (sum, metric) =>
        sum + kinds.reduce((points, kind) => points + (metric[kind]?.dataPoints?.length ?? 0), 0),
      0,
    );
}
