import { expect, test } from "vitest";
import { createStretch } from "./stretch.ts";

test("work of many parties is cut into stretches, and other work gets its turn between them", async () => {
  let workedMs = 0;
  const stretch = createStretch(() => workedMs, 20);
  let turnCount = 0;
  let longestMs = 0;
  let lastTurnMs = 0;
  let isDone = false;
  const others = () => {
    turnCount += 1;
    longestMs = Math.max(longestMs, workedMs - lastTurnMs);
    lastTurnMs = workedMs;
    if (!isDone) setImmediate(others);
  };
  setImmediate(others);
  const party = async () => {
    for (let piece = 0; piece < 10; piece += 1) {
      await stretch.run(() => {
        workedMs += 5;
      });
    }
  };
  await Promise.all(Array.from({ length: 20 }, party));
  isDone = true;
  expect(workedMs).toBe(1_000);
  // A stretch ends with the piece that crosses the bound.
  expect(longestMs).toBeLessThanOrEqual(30);
  expect(turnCount).toBeGreaterThanOrEqual(30);
});

test("a job's result and its error come back to the one who gave it", async () => {
  const stretch = createStretch(() => 0, 20);
  expect(await stretch.run(() => 7)).toBe(7);
  const failing = stretch.run(() => {
    throw new Error("broken job");
  });
  await expect(failing).rejects.toThrow("broken job");
  expect(await stretch.run(() => 8)).toBe(8);
});
