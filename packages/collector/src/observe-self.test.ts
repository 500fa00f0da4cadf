import { expect, test } from "vitest";
import { observeSelf } from "./observe-self.ts";
import { createTelemetry } from "./telemetry/index.ts";

test("a round that waits for a thread for ever does not hold up the stop, and none begins after it", async () => {
  const telemetry = createTelemetry();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const warnings: string[] = [];
  let timerCount = 0;
  const observing = observeSelf({
    instance: "here:1",
    snapshots: async () => [await telemetry.snapshot()],
    append: () => {
      asked.resolve();
      return answer.promise;
    },
    clock: {
      nowMs: () => 1_000,
      setTimer: () => {
        timerCount += 1;
        return () => undefined;
      },
    },
    log: {
      info: () => undefined,
      warn: (message) => void warnings.push(message),
      error: () => undefined,
    },
  });
  await asked.promise;
  // Were it a promise, it would be one that waits.
  expect(observing.stop()).toBeUndefined();
  answer.reject(new Error("the thread has ended"));
  await answer.promise.catch(() => undefined);
  await Promise.resolve();
  expect([timerCount, warnings]).toEqual([0, []]);
});
