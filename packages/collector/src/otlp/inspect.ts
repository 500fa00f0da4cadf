import { cutRejected, type ByteRange } from "./cut.ts";
import { locate } from "./locate.ts";
import { emptySpanFields, readPlainSpan, type PartCheck } from "./plain-span.ts";
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
 * @throws CollectorError QUARTET_OTLP_INVALID naming path and byte when the message itself is broken.
 * @see OTLP specification, "Partial Success"
 */
export function inspectRequest(signal: OtlpSignal, bytes: Uint8Array): Inspection {
  return new Inspector(signal, bytes).run();
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

interface RejectedRange extends ByteRange {
  readonly reason: RejectReason;
  readonly itemCount: number;
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
/** Groups around the data of a metric: resource, scope, metric. */
const metricDepth = 3;

class Inspector implements ScanListener {
  readonly #signal: OtlpSignal;
  readonly #bytes: Uint8Array;
  readonly #scanner: Scanner;
  readonly #ranges: RejectedRange[] = [];
  readonly #groups: Group[] = [];
  #itemCount = 0;
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

  constructor(signal: OtlpSignal, bytes: Uint8Array) {
    this.#signal = signal;
    this.#bytes = bytes;
    this.#scanner = new Scanner(signal, bytes, { depth: "deep", listener: this });
  }

  run(): Inspection {
    this.#scanner.run();
    const bytes = this.#bytes;
    const rejected = new Map<RejectReason, number>();
    let rejectedCount = 0;
    for (const { reason, itemCount } of this.#ranges) {
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
      bytes: cutRejected(this.#signal, bytes, this.#ranges),
    };
  }

  reject(reason: RejectReason, place: number): void {
    this.#first ??= { reason, place };
    this.#reason ??= reason;
  }

  takeItem(_outerStart: number, start: number, end: number): boolean {
    if (this.#signal !== "spans") return false;
    const before = this.#reason;
    this.#reason = undefined;
    const isGood = readPlainSpan(this.#scanner, this.#fields, { start, end, checkPart: this.#checkPart });
    if (isGood) this.#itemCount += 1;
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
    if (this.#reason === undefined) this.#itemCount += 1;
    else this.#ranges.push({ start: outerStart, end, reason: this.#reason, itemCount: 1 });
    this.#reason = this.#outerReason;
  }

  enterGroup(): void {
    this.#groups.push({
      itemsBefore: this.#itemCount,
      rangesBefore: this.#ranges.length,
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
      let itemCount = this.#itemCount - group.itemsBefore;
      for (const range of this.#ranges.splice(group.rangesBefore)) itemCount += range.itemCount;
      this.#itemCount = group.itemsBefore;
      this.#ranges.push({ start: outerStart, end, reason: this.#reason, itemCount });
    }
    this.#reason = group.outerReason;
  }
}
