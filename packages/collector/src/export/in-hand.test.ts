import { expect, test } from "vitest";
import type { JournalRecord } from "../model/index.ts";
import { InHand } from "./in-hand.ts";

function recordsOf(...offsets: readonly number[]): JournalRecord[] {
  return offsets.map((offset) => ({
    position: { stream: "spans", shard: 0, offset },
    receivedAtMs: 1_000 + offset,
    itemCount: 2,
    payload: new Uint8Array(10),
  }));
}

test("the settled offset moves over whole prefixes only, whatever the order of the batches", () => {
  const inHand = new InHand(4);
  // Offset 6 was lost to the disk.
  const records = recordsOf(4, 5, 7, 8, 9);
  inHand.take(records);
  const settle = (from: number, to: number) => inHand.settle(records.slice(from, to));
  settle(2, 4);
  expect([inHand.settledOffset, inHand.open().items]).toEqual([4, 6]);
  settle(0, 1);
  expect([inHand.settledOffset, inHand.open().items]).toEqual([5, 4]);
  settle(1, 2);
  expect([inHand.settledOffset, inHand.open().items]).toEqual([9, 2]);
  settle(4, 5);
  expect([inHand.settledOffset, inHand.open().items]).toEqual([10, 0]);
});

test("the oldest that is open is the first in front, however much behind it is settled", () => {
  const inHand = new InHand(0);
  const records = recordsOf(0, 1, 2);
  inHand.take(records);
  inHand.settle(records.slice(1, 2));
  expect(inHand.open()).toEqual({ records: 2, items: 4, bytes: 20, oldestReceivedAtMs: 1_000 });
  inHand.settle(records.slice(0, 1));
  expect(inHand.open()).toEqual({ records: 1, items: 2, bytes: 10, oldestReceivedAtMs: 1_002 });
  inHand.moveTo(7);
  expect(inHand.open()).toEqual({ records: 0, items: 0, bytes: 0, oldestReceivedAtMs: undefined });
  expect(inHand.settledOffset).toBe(7);
});
