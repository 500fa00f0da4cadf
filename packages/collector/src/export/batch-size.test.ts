import { expect, test } from "vitest";
import { BatchSize } from "./batch-size.ts";

test("a size learned from a refusal holds for a minute, then doubles every minute up to the configured one", () => {
  const size = new BatchSize(4_000_000);
  expect(size.bytesAt(0)).toBe(4_000_000);
  size.learn(4_000_000, 0);
  size.learn(2_000_000, 0);
  expect([size.bytesAt(59_999), size.bytesAt(60_000), size.bytesAt(60_001)]).toEqual([
    1_000_000, 2_000_000, 2_000_000,
  ]);
  expect([size.bytesAt(120_000), size.bytesAt(900_000)]).toEqual([4_000_000, 4_000_000]);
  // Smaller than any record worth sending it does not get.
  size.learn(1_000, 900_000);
  expect(size.bytesAt(900_000)).toBe(65_536);
});
