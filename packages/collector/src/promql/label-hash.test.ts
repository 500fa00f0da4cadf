import { expect, test } from "vitest";
import { sampleOffset, xxHash64 } from "./label-hash.ts";

test.each([
  ["", 0xef46db3751d8e999n],
  ["a", 0xd24ec4f1a98c6e5bn],
  ["abc", 0x44bc2cf5ad770999n],
  ["The quick brown fox jumps over the lazy dog", 0x0b242d361fda71bcn],
])("the xxHash64 of %j is the one of the reference", (text, hash) => {
  expect(xxHash64(Buffer.from(text))).toBe(hash);
});

test("the same labels always lie at the same place between 0 and 1", () => {
  const labels = ["__name__", "up", "job", "x".repeat(300)];
  expect(sampleOffset(labels)).toBe(sampleOffset([...labels]));
  expect(sampleOffset(labels)).toBeGreaterThanOrEqual(0);
  expect(sampleOffset(labels)).toBeLessThan(1);
});
