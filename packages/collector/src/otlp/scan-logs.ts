import { emptyResource, findResource, type ResourceScan } from "./resource-scan.ts";
import { idStart } from "./scan-spans.ts";
import { Scanner } from "./scanner.ts";
import { WireCursor } from "./wire.ts";

/** One log record as offsets into `bytes`; the same object is filled in anew for every record. Starts of what it lacks are -1. */
export interface LogScan extends ResourceScan {
  readonly bytes: Uint8Array;
  /** The record with its tag and length, and its content alone; both end at `end`. */
  outerStart: number;
  start: number;
  end: number;
  /** SeverityNumber, 1 to 24; 0 when it was not given. */
  severityNumber: number;
  severityTextStart: number;
  severityTextEnd: number;
  /** Content of the body's AnyValue. */
  bodyStart: number;
  bodyEnd: number;
  eventNameStart: number;
  eventNameEnd: number;
  /** 16 and 8 bytes; -1 also for ids that are zero or of another size. */
  traceIdStart: number;
  spanIdStart: number;
  /** Unix nanoseconds in halves of 32 bits; 0 = unknown. */
  timeLow: number;
  timeHigh: number;
  observedLow: number;
  observedHigh: number;
}

// Fields of LogRecord.
const fieldTime = 1;
const fieldSeverityNumber = 2;
const fieldSeverityText = 3;
const fieldBody = 5;
const fieldTraceId = 9;
const fieldSpanId = 10;
const fieldObserved = 11;
const fieldEventName = 12;

const halfMax = 0xffff_ffff;

/** As `scanSpans`, for the log records of an ExportLogsServiceRequest. @throws CollectorError QUARTET_OTLP_INVALID */
export function scanLogs(bytes: Uint8Array, visit: (log: LogScan) => void): void {
  const scanner = new Scanner("logs", bytes, {
    depth: "shallow",
    listener: {
      enterResourceGroup: (start, end) => findResource(cursor, log, { start, end }),
      leaveItem(outerStart, start, end) {
        log.outerStart = outerStart;
        log.start = start;
        log.end = end;
        fill(log, scanner);
        visit(log);
      },
    },
  });
  const cursor = new WireCursor(scanner.bytes);
  const log: LogScan = {
    ...emptyResource(),
    bytes: scanner.bytes,
    outerStart: 0,
    start: 0,
    end: 0,
    severityNumber: 0,
    severityTextStart: -1,
    severityTextEnd: -1,
    bodyStart: -1,
    bodyEnd: -1,
    eventNameStart: -1,
    eventNameEnd: -1,
    traceIdStart: -1,
    spanIdStart: -1,
    timeLow: halfMax,
    timeHigh: halfMax,
    observedLow: halfMax,
    observedHigh: halfMax,
  };
  scanner.run();
}

function fill(log: LogScan, scanner: Scanner): void {
  const { starts, ends, view } = scanner;
  log.severityNumber = scanner.numbers[fieldSeverityNumber]!;
  log.severityTextStart = starts[fieldSeverityText]!;
  log.severityTextEnd = log.severityTextStart < 0 ? -1 : ends[fieldSeverityText]!;
  log.bodyStart = starts[fieldBody]!;
  log.bodyEnd = log.bodyStart < 0 ? -1 : ends[fieldBody]!;
  log.eventNameStart = starts[fieldEventName]!;
  log.eventNameEnd = log.eventNameStart < 0 ? -1 : ends[fieldEventName]!;
  log.traceIdStart = idStart(scanner, fieldTraceId, 16);
  log.spanIdStart = idStart(scanner, fieldSpanId, 8);
  const timeAt = starts[fieldTime]!;
  log.timeLow = timeAt < 0 ? 0 : view.getUint32(timeAt, true);
  log.timeHigh = timeAt < 0 ? 0 : view.getUint32(timeAt + 4, true);
  const observedAt = starts[fieldObserved]!;
  log.observedLow = observedAt < 0 ? 0 : view.getUint32(observedAt, true);
  log.observedHigh = observedAt < 0 ? 0 : view.getUint32(observedAt + 4, true);
}
