import { expect, test } from "vitest";
import { createBudget } from "./budget.ts";
import { createTestClock } from "./open.test-kit.ts";

test("a budget is never passed, and what is given back can be had again", () => {
  const budget = createBudget({ sizeBytesMax: 100, nowMs: () => 0 });
  const one = budget.open("a");
  const other = budget.open("a");
  expect([one.grow(60), other.grow(20), other.grow(1), one.grow(1)]).toEqual([true, true, false, false]);
  expect(budget.usedBytes).toBe(80);
  one.release();
  one.release();
  expect(budget.usedBytes).toBe(20);
  expect(other.grow(60)).toBe(true);
});

/** What each client holds after all have asked for one byte after the other for as long as anyone got one. */
function contend(clients: readonly string[]): number[] {
  const budget = createBudget({ sizeBytesMax: 10_000, nowMs: () => 0 });
  const held = clients.map(() => 0);
  const reservations = clients.map((client) => budget.open(client));
  for (let isGrowing = true; isGrowing;) {
    isGrowing = false;
    for (const [index, reservation] of reservations.entries()) {
      if (!reservation.grow(1)) continue;
      held[index]! += 1;
      isGrowing = true;
    }
  }
  return held;
}

test("however many clients want everything, each gets the same, and there is room for one more", () => {
  expect(contend(["a"])).toEqual([8_000]);
  expect(contend(["a", "b"])).toEqual([4_444, 4_444]);
  const five = contend(["a", "b", "c", "d", "e"]);
  expect(Math.max(...five) - Math.min(...five)).toBeLessThanOrEqual(1);
  expect(10_000 - five.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(400);
});

test("a greedy client does not starve one that comes later: each request given back shifts the shares", () => {
  const budget = createBudget({ sizeBytesMax: 1_000, nowMs: () => 0 });
  const greedy = Array.from({ length: 100 }, () => budget.open("greedy"));
  for (const request of greedy) request.grow(10);
  expect(budget.usedBytes).toBe(800);
  const modest = budget.open("modest");
  expect(modest.grow(100)).toBe(true);
  // As requests of the greedy one end, it gets fewer new ones in than it had.
  greedy.slice(0, 40).forEach((request) => request.release());
  for (const request of greedy.slice(0, 40)) request.grow(10);
  expect(budget.usedBytes).toBeLessThanOrEqual(820);
  expect(modest.grow(100)).toBe(true);
});

test("Retry-After follows the pace at which requests are answered, between 1 and 30 s", () => {
  const clock = createTestClock(0);
  const budget = createBudget({ sizeBytesMax: 2_000_000, nowMs: clock.nowMs });
  budget.open("a").grow(1_000_000);
  expect(budget.retryAfterMs()).toBe(30_000);
  const fast = createBudget({ sizeBytesMax: 2_000_000, nowMs: clock.nowMs });
  for (let round = 0; round < 50; round += 1) {
    const request = fast.open("a");
    request.grow(100_000);
    clock.turnTo(clock.nowMs() + 100);
    request.release();
  }
  fast.open("a").grow(1_000_000);
  // 5 MB in 5 s, averaged with the window before it: half of 1 MB takes a second.
  expect(fast.retryAfterMs()).toBe(1_000);
  clock.turnTo(clock.nowMs() + 60_000);
  expect(fast.retryAfterMs()).toBe(30_000);
});
