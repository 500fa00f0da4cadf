import type { JournalRecord } from "../model/index.ts";
import type { Sender, Verdict } from "./sender.ts";

/** "undecodable": it could not be turned into a request, so the back end was not even asked. */
export type LetterReason = "refused" | "too_large" | "undecodable";

/** What became of a run of records. Both resolve with false when the consumer was stopped before it was settled. */
export interface Settlement {
  accepted(
    records: readonly JournalRecord[],
    verdict: Extract<Verdict, { readonly kind: "accepted" }>,
  ): Promise<boolean>;
  /** The back end will never take this one. */
  deadLetter(record: JournalRecord, reason: LetterReason, message: string): Promise<boolean>;
  /** The back end, or the way to it, takes less at a time than this. */
  tooLarge(sizeBytes: number): void;
}

/**
 * Sends records, halving them where the back end refuses them as too large (413) or as broken (400), until only the ones that
 * are too large or broken by themselves are left; these become dead letters. One bad record of n costs about 2 log2 n requests.
 * A batch that does not get through in time is halved as well, down to one record, which is tried for ever.
 * False when it was stopped on the way.
 */
export async function deliver(
  records: readonly JournalRecord[],
  sender: Sender,
  settlement: Settlement,
): Promise<boolean> {
  const verdict = await sender.send(records);
  switch (verdict.kind) {
    case "stopped":
      return false;
    case "accepted":
      return await settlement.accepted(records, verdict);
    case "timed_out":
      settlement.tooLarge(sizeOf(records));
      return await deliverHalves(records, sender, settlement);
    case "too_large":
    case "refused":
    case "undecodable": {
      if (verdict.kind === "too_large") settlement.tooLarge(sizeOf(records));
      const [only] = records;
      if (records.length === 1 && only !== undefined)
        return await settlement.deadLetter(only, verdict.kind, verdict.message);
      return await deliverHalves(records, sender, settlement);
    }
  }
}

async function deliverHalves(
  records: readonly JournalRecord[],
  sender: Sender,
  settlement: Settlement,
): Promise<boolean> {
  const middle = Math.ceil(records.length / 2);
  return (
    (await deliver(records.slice(0, middle), sender, settlement)) &&
    (await deliver(records.slice(middle), sender, settlement))
  );
}

export function sizeOf(records: readonly JournalRecord[]): number {
  return records.reduce((sum, { payload }) => sum + payload.length, 0);
}

export function itemsOf(records: readonly JournalRecord[]): number {
  return records.reduce((sum, { itemCount }) => sum + itemCount, 0);
}

/** Cuts records into batches within the bounds; a record beyond them goes alone. */
export function splitBatches(
  records: readonly JournalRecord[],
  bounds: { readonly sizeBytesMax: number; readonly itemCountMax: number },
): JournalRecord[][] {
  const batches: JournalRecord[][] = [];
  let sizeBytes = 0;
  let itemCount = 0;
  for (const record of records) {
    sizeBytes += record.payload.length;
    itemCount += record.itemCount;
    const last = batches.at(-1);
    if (last !== undefined && sizeBytes <= bounds.sizeBytesMax && itemCount <= bounds.itemCountMax) {
      last.push(record);
      continue;
    }
    batches.push([record]);
    sizeBytes = record.payload.length;
    itemCount = record.itemCount;
  }
  return batches;
}
