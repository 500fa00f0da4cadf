import { wireFixed64, wireVarint, WireCursor } from "./wire.ts";

/** Where the parts of a resource lie; starts of what it lacks are -1. */
export interface ResourceScan {
  /** Content of the Resource message. */
  resourceStart: number;
  resourceEnd: number;
  serviceNameStart: number;
  serviceNameEnd: number;
  serviceInstanceIdStart: number;
  serviceInstanceIdEnd: number;
}

/**
 * One span as offsets into the scanned bytes; the same object is filled in anew for every span.
 * Starts of what a span lacks are -1.
 */
export interface SpanScan extends ResourceScan {
  /** The span with its tag and length, and its content alone. */
  outerStart: number;
  start: number;
  end: number;
  traceIdStart: number;
  traceIdSize: number;
  spanIdStart: number;
  spanIdSize: number;
  parentSpanIdStart: number;
  traceStateStart: number;
  traceStateEnd: number;
  nameStart: number;
  nameEnd: number;
  /** SpanKind and StatusCode as the protocol numbers them. */
  kind: number;
  statusCode: number;
  /** Unix nanoseconds in halves of 32 bits: a double cannot hold them, a BigInt costs an allocation. */
  startLow: number;
  startHigh: number;
  endLow: number;
  endHigh: number;
}

/** One log record, likewise. */
export interface LogScan extends ResourceScan {
  outerStart: number;
  start: number;
  end: number;
  severityNumber: number;
  severityTextStart: number;
  severityTextEnd: number;
}

function emptyResource(): ResourceScan {
  return {
    resourceStart: -1,
    resourceEnd: -1,
    serviceNameStart: -1,
    serviceNameEnd: -1,
    serviceInstanceIdStart: -1,
    serviceInstanceIdEnd: -1,
  };
}

/**
 * Walks an ExportTraceServiceRequest (or several concatenated) and calls `visit` for each span, in order.
 * Nothing is decoded and nothing allocated per span; `visit` must copy what it keeps.
 * @throws CollectorError QUARTET_OTLP_INVALID naming the byte where the message breaks.
 */
export function scanSpans(bytes: Uint8Array, visit: (span: SpanScan) => void): void {
  const span: SpanScan = {
    ...emptyResource(),
    outerStart: 0,
    start: 0,
    end: 0,
    traceIdStart: -1,
    traceIdSize: 0,
    spanIdStart: -1,
    spanIdSize: 0,
    parentSpanIdStart: -1,
    traceStateStart: -1,
    traceStateEnd: -1,
    nameStart: -1,
    nameEnd: -1,
    kind: 0,
    statusCode: 0,
    startLow: 0,
    startHigh: 0,
    endLow: 0,
    endHigh: 0,
  };
  scanItems(bytes, span, (cursor, outerStart, start, end) => {
    span.outerStart = outerStart;
    span.start = start;
    span.end = end;
    readSpan(cursor, span);
    visit(span);
  });
}

/** The same for the log records of an ExportLogsServiceRequest. */
export function scanLogs(bytes: Uint8Array, visit: (log: LogScan) => void): void {
  const log: LogScan = {
    ...emptyResource(),
    outerStart: 0,
    start: 0,
    end: 0,
    severityNumber: 0,
    severityTextStart: -1,
    severityTextEnd: -1,
  };
  scanItems(bytes, log, (cursor, outerStart, start, end) => {
    log.outerStart = outerStart;
    log.start = start;
    log.end = end;
    readLog(cursor, log);
    visit(log);
  });
}

type ItemVisitor = (cursor: WireCursor, outerStart: number, start: number, end: number) => void;

/** Request → resource groups (1) → resource (1) and scope groups (2) → items (2): the three signals have one shape. */
function scanItems(bytes: Uint8Array, resource: ResourceScan, visit: ItemVisitor): void {
  const cursor = new WireCursor(bytes);
  const size = bytes.length;
  while (cursor.position < size) {
    if (cursor.tag(size) !== 1) {
      cursor.skip(size);
      continue;
    }
    cursor.content(size);
    const groupStart = cursor.start;
    const groupEnd = cursor.end;
    // The resource may stand behind the items it describes, so it is looked for first.
    findResource(cursor, resource, groupStart, groupEnd);
    cursor.position = groupStart;
    while (cursor.position < groupEnd) {
      if (cursor.tag(groupEnd) !== 2) {
        cursor.skip(groupEnd);
        continue;
      }
      cursor.content(groupEnd);
      const scopeEnd = cursor.end;
      cursor.position = cursor.start;
      while (cursor.position < scopeEnd) {
        const outerStart = cursor.position;
        if (cursor.tag(scopeEnd) !== 2) {
          cursor.skip(scopeEnd);
          continue;
        }
        cursor.content(scopeEnd);
        const itemEnd = cursor.end;
        cursor.position = cursor.start;
        visit(cursor, outerStart, cursor.start, itemEnd);
        cursor.position = itemEnd;
      }
    }
  }
}

function findResource(cursor: WireCursor, resource: ResourceScan, start: number, end: number): void {
  Object.assign(resource, emptyResource());
  cursor.position = start;
  while (cursor.position < end) {
    if (cursor.tag(end) !== 1) {
      cursor.skip(end);
      continue;
    }
    cursor.content(end);
    resource.resourceStart = cursor.start;
    resource.resourceEnd = cursor.end;
    const resourceEnd = cursor.end;
    cursor.position = cursor.start;
    while (cursor.position < resourceEnd) {
      if (cursor.tag(resourceEnd) !== 1) {
        cursor.skip(resourceEnd);
        continue;
      }
      cursor.content(resourceEnd);
      const attributeEnd = cursor.end;
      cursor.position = cursor.start;
      readServiceAttribute(cursor, resource, attributeEnd);
      cursor.position = attributeEnd;
    }
  }
}

const serviceName = Buffer.from("service.name");
const serviceInstanceId = Buffer.from("service.instance.id");

function readServiceAttribute(cursor: WireCursor, resource: ResourceScan, end: number): void {
  let keyStart = 0;
  let keyEnd = 0;
  let valueStart = -1;
  let valueEnd = -1;
  while (cursor.position < end) {
    if (cursor.tag(end) === 1) {
      cursor.content(end);
      keyStart = cursor.start;
      keyEnd = cursor.end;
    } else if (cursor.field === 2) {
      cursor.content(end);
      const anyEnd = cursor.end;
      cursor.position = cursor.start;
      while (cursor.position < anyEnd) {
        if (cursor.tag(anyEnd) === 1) {
          cursor.content(anyEnd);
          valueStart = cursor.start;
          valueEnd = cursor.end;
        } else {
          cursor.skip(anyEnd);
        }
      }
    } else {
      cursor.skip(end);
    }
  }
  if (valueStart < 0) return;
  if (equals(cursor.bytes, keyStart, keyEnd, serviceName)) {
    resource.serviceNameStart = valueStart;
    resource.serviceNameEnd = valueEnd;
  } else if (equals(cursor.bytes, keyStart, keyEnd, serviceInstanceId)) {
    resource.serviceInstanceIdStart = valueStart;
    resource.serviceInstanceIdEnd = valueEnd;
  }
}

function equals(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let index = 0; index < wanted.length; index += 1) {
    if (bytes[start + index] !== wanted[index]) return false;
  }
  return true;
}

function readSpan(cursor: WireCursor, span: SpanScan): void {
  const { end } = span;
  span.traceIdStart = span.spanIdStart = span.parentSpanIdStart = -1;
  span.traceStateStart = span.traceStateEnd = span.nameStart = span.nameEnd = -1;
  span.traceIdSize = span.spanIdSize = span.kind = span.statusCode = 0;
  span.startLow = span.startHigh = span.endLow = span.endHigh = 0;
  while (cursor.position < end) {
    cursor.tag(end);
    switch (cursor.field) {
      case 1:
        cursor.content(end);
        span.traceIdStart = cursor.start;
        span.traceIdSize = cursor.end - cursor.start;
        break;
      case 2:
        cursor.content(end);
        span.spanIdStart = cursor.start;
        span.spanIdSize = cursor.end - cursor.start;
        break;
      case 3:
        cursor.content(end);
        span.traceStateStart = cursor.start;
        span.traceStateEnd = cursor.end;
        break;
      case 4:
        cursor.content(end);
        if (cursor.end - cursor.start === 8) span.parentSpanIdStart = cursor.start;
        break;
      case 5:
        cursor.content(end);
        span.nameStart = cursor.start;
        span.nameEnd = cursor.end;
        break;
      case 6:
        cursor.expect(wireVarint);
        span.kind = cursor.varint(end);
        break;
      case 7:
        cursor.expect(wireFixed64);
        cursor.fixed(8, end);
        span.startLow = cursor.word(cursor.position - 8);
        span.startHigh = cursor.word(cursor.position - 4);
        break;
      case 8:
        cursor.expect(wireFixed64);
        cursor.fixed(8, end);
        span.endLow = cursor.word(cursor.position - 8);
        span.endHigh = cursor.word(cursor.position - 4);
        break;
      case 15:
        cursor.content(end);
        readStatus(cursor, span);
        break;
      default:
        cursor.skip(end);
    }
  }
}

function readStatus(cursor: WireCursor, span: SpanScan): void {
  const statusEnd = cursor.end;
  cursor.position = cursor.start;
  while (cursor.position < statusEnd) {
    if (cursor.tag(statusEnd) === 3) {
      cursor.expect(wireVarint);
      span.statusCode = cursor.varint(statusEnd);
    } else {
      cursor.skip(statusEnd);
    }
  }
}

function readLog(cursor: WireCursor, log: LogScan): void {
  const { end } = log;
  log.severityNumber = 0;
  log.severityTextStart = log.severityTextEnd = -1;
  while (cursor.position < end) {
    if (cursor.tag(end) === 2) {
      cursor.expect(wireVarint);
      log.severityNumber = cursor.varint(end);
    } else if (cursor.field === 3) {
      cursor.content(end);
      log.severityTextStart = cursor.start;
      log.severityTextEnd = cursor.end;
    } else {
      cursor.skip(end);
    }
  }
}
