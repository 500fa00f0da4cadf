import { expect, test } from "vitest";
import { inSlices } from "./in-slices.ts";

test("all items are visited in order, and other work gets its turn between slices", async () => {
  const seen: (number | string)[] = [];
  const others = setInterval(() => seen.push("other"), 0);
  await inSlices([1, 2, 3], (item) => {
    seen.push(item);
    for (const beganMs = performance.now(); performance.now() - beganMs < 6;);
  });
  clearInterval(others);
  expect(seen.filter((each) => each !== "other")).toEqual([1, 2, 3]);
  expect(seen.slice(1, -1)).toContain("other");
});

test("what a visit throws ends the rest", async () => {
  const seen: number[] = [];
  const visits = inSlices([1, 2, 3], (item) => {
    seen.push(item);
    if (item === 2) throw new Error("broken item");
  });
  await expect(visits).rejects.toThrow("broken item");
  expect(seen).toEqual([1, 2]);
});
