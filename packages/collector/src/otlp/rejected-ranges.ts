import { CollectorError } from "../model/index.ts";
import type { RejectReason } from "./scanner.ts";

/** Neighbouring fields that are to be cut out for the same reason. */
export interface RejectedRange {
  readonly start: number;
  end: number;
  readonly reason: RejectReason;
  itemCount: number;
  /** Messages around the fields. */
  readonly depth: number;
}

/**
 * Places in one request: a sender that has more has not one bad value but no idea, and a body of empty items
 * would cost a hundred times its size in objects.
 */
const rangesMax = 10_000;

/** What a request has that cannot be kept, in the order of the bytes. */
export class RejectedRanges {
  readonly all: RejectedRange[] = [];

  /** @throws CollectorError QUARTET_OTLP_INVALID when there are too many. */
  add(range: RejectedRange): void {
    const last = this.all.at(-1);
    if (
      last !== undefined &&
      last.end === range.start &&
      last.depth === range.depth &&
      last.reason === range.reason
    ) {
      last.end = range.end;
      last.itemCount += range.itemCount;
      return;
    }
    if (this.all.length === rangesMax) {
      const message = `the request has bad items in more than ${rangesMax} places; the last of them: ${range.reason}`;
      throw new CollectorError("QUARTET_OTLP_INVALID", `${message} (byte ${range.start})`);
    }
    this.all.push(range);
  }

  /** Takes out those from the `first` one on, and says how many items they have. */
  takeFrom(first: number): number {
    return this.all.splice(first).reduce((sum, { itemCount }) => sum + itemCount, 0);
  }
}
