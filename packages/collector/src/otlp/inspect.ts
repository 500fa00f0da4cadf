import { CollectorError } from "../model/index.ts";
import { cutRejected } from "./cut.ts";
import { locate } from "./locate.ts";
import { OddTimes, type TimeProblem } from "./odd-times.ts";
import { emptySpanFields, readPlainSpan, type PartCheck } from "./plain-span.ts";
import { RejectedRanges } from "./rejected-ranges.ts";
import { idStart } from "./scan-spans.ts";
import { Scanner, type RejectReason, type ScanListener } from "./scanner.ts";
import type { OtlpSignal } from "./schema.ts";

/** What the one pass over a request at the door found. */
export interface Inspection {
  /** Spans, log records or data points that may be kept. */
  readonly itemCount: number;
  /** Items that may not, by reason; empty when all may. */
  readonly rejected: ReadonlyMap<RejectReason, number>;
  readonly rejectedCount: number;
  /** Where and why the first one was rejected; "" when none was. */
  readonly rejectedReason: string;
  /** Items whose times cannot be right; they are kept. */
  readonly oddTimes: Readonly<Record<TimeProblem, number>>;
  /** The request without what was rejected: the very same bytes when nothing was. */
  readonly bytes: Uint8Array;
}

const meaning: Readonly<Record<RejectReason, string>> = {
  invalid_id: "a trace id needs 16 bytes and a span id 8, not all of them zero",
  invalid_utf8: "the text is no UTF-8",
  too_deep: "values are nested too deeply",
  ambiguous_data: "a metric holds the data of two kinds",
};

/**
 * Checks a request down to its last part, counts its items and cuts out those that a back end would choke on:
 * one bad string must not fail a whole batch downstream. What is wrong with a resource or scope rejects the items under it.
 * Odd times are counted; without a time of receipt none is early or late.
 * @throws CollectorError QUARTET_OTLP_INVALID naming path and byte when the message itself is broken, or bad in more than 10,000 places;
 * QUARTET_OTLP_TOO_LARGE when it has more than a million items.
 * @see OTLP specification, "Partial Success"
 */
export function inspectRequest(
  signal: OtlpSignal,
  bytes: Uint8Array,
  { receivedAtMs }: { readonly receivedAtMs?: number } = {},
): Inspection {
  return new Inspector(signal, bytes, receivedAtMs).run();
}

/** Spans, log records or data points in a request. @throws CollectorError QUARTET_OTLP_INVALID */
export function countItems(signal: OtlpSignal, bytes: Uint8Array): number {
  let count = 0;
  const listener: ScanListener = {
    takeItem() {
      count += 1;
      return true;
    },
    leaveItem() {
      throw new TypeError("every item was taken");
    },
  };
  new Scanner(signal, bytes, { depth: "shallow", listener }).run();
  return count;
}

interface Group {
  readonly itemsBefore: number;
  readonly rangesBefore: number;
  readonly outerReason: RejectReason | undefined;
  /** Fields of the metric's oneof that came so far. */
  dataCount: number;
}

// Fields of Span.
const fieldTraceId = 1;
const fieldSpanId = 2;
const fieldStart = 7;
const fieldEnd = 8;
/** Of a log record and of every kind of data point. */
const fieldTime = { logs: 1, metrics: 3 } as const;
/** Items and groups of one request. The smallest real ones have 64 bytes or so; two bytes each, 64 MiB of them would hold up everybody for seconds. */
const messagesMax = 1_048_576;
/** Groups around the data of a metric: resource, scope, metric. */
const metricDepth = 3;

class Inspector implements ScanListener {
  readonly #signal: OtlpSignal;
  readonly #bytes: Uint8Array;
  readonly #scanner: Scanner;
  readonly #ranges = new RejectedRanges();
  readonly #times: OddTimes;
  readonly #groups: Group[] = [];
  #itemCount = 0;
  #messageCount = 0;
  /** Why the message being read cannot be kept: the innermost on the way to the items. */
  #reason: RejectReason | undefined;
  #outerReason: RejectReason | undefined;
  #first: { readonly reason: RejectReason; readonly place: number } | undefined;
  /** Of a plain span only the verdict matters here. */
  readonly #fields = emptySpanFields();
  readonly #checkPart: PartCheck = (field, start, end) => {
    this.#scanner.walkPart(field, start, end);
    return this.#reason === undefined;
  };

  constructor(signal: OtlpSignal, bytes: Uint8Array, receivedAtMs: number | undefined) {
    this.#times = new OddTimes(receivedAtMs);
    this.#signal = signal;
    this.#bytes = bytes;
    this.#scanner = new Scanner(signal, bytes, { depth: "deep", listener: this });
  }

  run(): Inspection {
    this.#scanner.run();
    const bytes = this.#bytes;
    const rejected = new Map<RejectReason, number>();
    let rejectedCount = 0;
    for (const { reason, itemCount } of this.#ranges.all) {
      rejected.set(reason, (rejected.get(reason) ?? 0) + itemCount);
      rejectedCount += itemCount;
    }
    return {
      itemCount: this.#itemCount,
      rejected,
      rejectedCount,
      rejectedReason:
        this.#first === undefined
          ? ""
          : `${locate(this.#signal, bytes, this.#first.place)}: ${meaning[this.#first.reason]}`,
      oddTimes: this.#times.counts,
      bytes: cutRejected(this.#signal, bytes, this.#ranges.all),
    };
  }

  reject(reason: RejectReason, place: number): void {
    this.#first ??= { reason, place };
    this.#reason ??= reason;
  }

  takeItem(_outerStart: number, start: number, end: number): boolean {
    this.#countMessage();
    if (this.#signal !== "spans") return false;
    const before = this.#reason;
    this.#reason = undefined;
    const isGood = readPlainSpan(this.#scanner, this.#fields, { start, end, checkPart: this.#checkPart });
    if (isGood) {
      this.#times.takePlainSpan(this.#fields);
      this.#itemCount += 1;
    }
    this.#reason = before;
    return isGood;
  }

  enterItem(): void {
    this.#outerReason = this.#reason;
    this.#reason = undefined;
  }

  leaveItem(outerStart: number, start: number, end: number): void {
    if (this.#signal === "spans" && this.#reason === undefined) {
      const scanner = this.#scanner;
      const hasIds = idStart(scanner, fieldTraceId, 16) >= 0 && idStart(scanner, fieldSpanId, 8) >= 0;
      if (!hasIds) this.reject("invalid_id", start);
    }
    if (this.#reason === undefined) {
      this.#takeTimes();
      this.#itemCount += 1;
    } else {
      const depth = this.#groups.length;
      this.#ranges.add({ start: outerStart, end, reason: this.#reason, itemCount: 1, depth });
    }
    this.#reason = this.#outerReason;
  }

  enterGroup(): void {
    this.#countMessage();
    this.#groups.push({
      itemsBefore: this.#itemCount,
      rangesBefore: this.#ranges.all.length,
      outerReason: this.#reason,
      dataCount: 0,
    });
    this.#reason = undefined;
  }

  leaveGroup(outerStart: number, start: number, end: number): void {
    const group = this.#groups.pop()!;
    if (this.#signal === "metrics" && this.#groups.length === metricDepth)
      this.#groups.at(-1)!.dataCount += 1;
    if (group.dataCount > 1) this.reject("ambiguous_data", start);
    if (this.#reason !== undefined) {
      const itemCount = this.#itemCount - group.itemsBefore + this.#ranges.takeFrom(group.rangesBefore);
      const depth = this.#groups.length;
      this.#itemCount = group.itemsBefore;
      this.#ranges.add({ start: outerStart, end, reason: this.#reason, itemCount, depth });
    }
    this.#reason = group.outerReason;
  }

  #countMessage(): void {
    this.#messageCount += 1;
    if (this.#messageCount <= messagesMax) return;
    const message = `the request has more than ${messagesMax} items; send smaller batches`;
    throw new CollectorError("QUARTET_OTLP_TOO_LARGE", message);
  }

  /** Of the item that was walked last. */
  #takeTimes(): void {
    if (this.#signal === "spans") {
      const [startHigh, startLow] = [this.#half(fieldStart, 4), this.#half(fieldStart, 0)];
      this.#times.takeSpan(startHigh, startLow, this.#half(fieldEnd, 4), this.#half(fieldEnd, 0));
      return;
    }
    const high = this.#half(fieldTime[this.#signal], 4);
    // A log record need not know when what it tells happened.
    if (this.#signal === "metrics" || high !== 0) this.#times.takeTime(high);
  }

  /** Half of a time, 0 when it is missing. */
  #half(field: number, offset: 0 | 4): number {
    const start = this.#scanner.starts[field]!;
    return start < 0 ? 0 : this.#scanner.view.getUint32(start + offset, true);
  }
}
