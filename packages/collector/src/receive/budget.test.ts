import { expect, test } from "vitest";
import { createBudget } from "./budget.ts";
import { createTestClock } from "./open.test-kit.ts";

test("a budget is never passed, and what is given back can be had again", () => {
  const budget = createBudget({ sizeBytesMax: 100, nowMs: () => 0 });
  const one = budget.open();
  const other = budget.open();
  expect([one.grow(60), other.grow(40), other.grow(1), one.grow(1)]).toEqual([true, true, false, false]);
  expect(budget.usedBytes).toBe(100);
  one.release();
  one.release();
  expect(budget.usedBytes).toBe(40);
  expect(other.grow(60)).toBe(true);
});

test("Retry-After follows the pace at which requests are answered, between 1 and 30 s", () => {
  const clock = createTestClock(0);
  const budget = createBudget({ sizeBytesMax: 1_000_000, nowMs: clock.nowMs });
  budget.open().grow(1_000_000);
  expect(budget.retryAfterMs()).toBe(30_000);
  const fast = createBudget({ sizeBytesMax: 1_000_000, nowMs: clock.nowMs });
  for (let round = 0; round < 50; round += 1) {
    const request = fast.open();
    request.grow(100_000);
    clock.turnTo(clock.nowMs() + 100);
    request.release();
  }
  fast.open().grow(1_000_000);
  // 5 MB in 5 s, averaged with the window before it: half of 1 MB takes a second.
  expect(fast.retryAfterMs()).toBe(1_000);
  clock.turnTo(clock.nowMs() + 60_000);
  expect(fast.retryAfterMs()).toBe(30_000);
});
