import type { Accepted, Outcome } from "./outcome.ts";

/** Series of one record by their numbers, the second not included. */
export interface SeriesPart {
  readonly from: number;
  readonly to: number;
}

/** A record that a 1.0 receiver found to hold late samples, and of which it wrote nothing. */
export interface RecordParts {
  /**
   * Sends the record in ever smaller parts, until only the series are left whose samples are late. Where it was interrupted by
   * any other answer, the next call goes on.
   */
  attempt(send: (part: SeriesPart) => Promise<Outcome>): Promise<Outcome>;
}

/** One late series of a thousand takes twenty requests; a record that is late as a whole must not take thousands. */
const requestsMax = 60;

export function createRecordParts(seriesCount: number): RecordParts {
  const middle = Math.ceil(seriesCount / 2);
  /** The next one stands last. */
  const open: SeriesPart[] = [
    { from: middle, to: seriesCount },
    { from: 0, to: middle },
  ];
  const dropped = new Map<string, number>();
  let requests = 0;

  /** A part with late samples: its halves are next, if that is worth it. */
  function divide(part: SeriesPart, late: NonNullable<Accepted["dropped"]>): void {
    const between = Math.ceil((part.from + part.to) / 2);
    if (part.to - part.from > 1 && requests < requestsMax) {
      open.push({ from: between, to: part.to }, { from: part.from, to: between });
      return;
    }
    for (const { reason, itemCount } of late) dropped.set(reason, (dropped.get(reason) ?? 0) + itemCount);
  }

  return {
    async attempt(send) {
      for (let part = open.at(-1); part !== undefined; part = open.at(-1)) {
        const outcome = await send(part);
        if (outcome.kind !== "accepted") return outcome;
        open.pop();
        requests += 1;
        if (outcome.dropped !== undefined) divide(part, outcome.dropped);
      }
      return {
        kind: "accepted",
        rejectedCount: 0,
        message: "",
        dropped: [...dropped].map(([reason, itemCount]) => ({ reason, itemCount })),
      };
    },
  };
}
