import { expect, test } from "vitest";
import { createSteadyTime } from "./clock.ts";

test("time follows the wall forwards, and goes on at its own pace when the wall is set back", () => {
  let wallMs = 1_000_000;
  let monotonicMs = 5.25;
  const nowMs = createSteadyTime(
    () => Math.floor(wallMs),
    () => monotonicMs,
  );
  const pass = (elapsedMs: number): number => {
    wallMs += elapsedMs;
    monotonicMs += elapsedMs;
    return nowMs();
  };
  expect(nowMs()).toBe(1_000_000);
  // Whole milliseconds of the wall, however often one asks in between.
  for (let step = 1; step <= 100; step += 1)
    expect(pass(0.3)).toBe(Math.floor(1_000_000 + 0.3 * step + 1e-9));
  expect(pass(100)).toBe(1_000_130);
  wallMs += 5_000;
  expect(pass(10)).toBe(1_005_140);
  wallMs -= 3_600_000;
  expect(pass(10)).toBe(1_005_150);
  expect(pass(1_000)).toBe(1_006_150);
  // The wall is set right again.
  wallMs += 3_600_500;
  expect(pass(0)).toBe(1_006_650);
});

test("two threads that ask at different times agree, also when one slept while the clock was set back", () => {
  let wallMs = 0;
  let monotonicMs = 0;
  const open = () =>
    createSteadyTime(
      () => wallMs,
      () => monotonicMs,
    );
  const one = open();
  const two = open();
  one();
  two();
  for (const stepMs of [10_000, -7_000, 20_000]) {
    wallMs += stepMs;
    monotonicMs += Math.max(0, stepMs);
    one();
  }
  expect(two()).toBe(one());
  expect(one()).toBe(30_000);
});
