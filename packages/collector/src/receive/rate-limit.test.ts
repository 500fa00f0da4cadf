import { expect, test } from "vitest";
import { createTestClock } from "./open.test-kit.ts";
import { createRateLimiter } from "./rate-limit.ts";

test("a client may send its allowance at once, and then as time gives it back", () => {
  const clock = createTestClock(0);
  const limiter = createRateLimiter({ requestsPerSecond: 2 }, clock.nowMs);
  expect([limiter.enter("a"), limiter.enter("a"), limiter.enter("a")]).toEqual([
    "allowed",
    "allowed",
    { retryAfterMs: 500 },
  ]);
  expect(limiter.enter("b")).toBe("allowed");
  clock.turnTo(400);
  expect(limiter.enter("a")).toEqual({ retryAfterMs: 100 });
  clock.turnTo(500);
  expect(limiter.enter("a")).toBe("allowed");
});

test("a request larger than a second's bytes is taken, and paid for by waiting", () => {
  const clock = createTestClock(0);
  const limiter = createRateLimiter({ bytesPerSecond: 1_000 }, clock.nowMs);
  expect(limiter.enter("a")).toBe("allowed");
  limiter.spend("a", 6_000);
  expect(limiter.enter("a")).toEqual({ retryAfterMs: 5_001 });
  clock.turnTo(5_001);
  expect(limiter.enter("a")).toBe("allowed");
});

test("over any time a client gets no more than its rate and one second", () => {
  const clock = createTestClock(0);
  const limiter = createRateLimiter({ requestsPerSecond: 10, bytesPerSecond: 10_000 }, clock.nowMs);
  let requests = 0;
  let bytes = 0;
  for (let nowMs = 0; nowMs < 100_000; nowMs += 7) {
    clock.turnTo(nowMs);
    if (limiter.enter("a") !== "allowed") continue;
    requests += 1;
    bytes += 800;
    limiter.spend("a", 800);
  }
  expect(requests).toBeLessThanOrEqual(1_010);
  expect(requests).toBeGreaterThan(980);
  expect(bytes).toBeLessThanOrEqual(1_010 * 1_000);
});

test("without a limit nobody is kept in mind, and of many clients no more than a fixed number", () => {
  const clock = createTestClock(0);
  const limiter = createRateLimiter({ requestsPerSecond: 1 }, clock.nowMs);
  for (let client = 0; client < 10_000; client += 1) limiter.enter(`client ${client}`);
  expect(limiter.enter("late one")).toBe("allowed");
  expect(limiter.enter("later one")).toEqual({ retryAfterMs: 1_000 });
  clock.turnTo(1_000);
  expect(limiter.enter("later one")).toBe("allowed");
  const free = createRateLimiter({}, clock.nowMs);
  for (let request = 0; request < 1_000; request += 1) expect(free.enter("a")).toBe("allowed");
});
