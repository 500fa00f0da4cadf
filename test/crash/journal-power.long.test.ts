import { expect, test } from "vitest";
import { runPowerCuts } from "./power-cut.ts";

test("no acknowledged record is missing after any of 10,000 power cuts", { timeout: 900_000 }, async () => {
  let cutCount = 0;
  let acknowledgedCount = 0;
  // Other seeds than the short test's.
  for (let seed = 1_000_001; cutCount < 10_000; seed += 1) {
    const result = await runPowerCuts(seed);
    cutCount += result.cutCount;
    acknowledgedCount += result.acknowledgedCount;
  }
  expect(acknowledgedCount).toBeGreaterThan(80_000);
});
