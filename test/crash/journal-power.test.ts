import { expect, test } from "vitest";
import { runPowerCuts } from "./power-cut.ts";

test("no acknowledged record is missing after any of 500 power cuts that drop everything unsynced", async () => {
  let cutCount = 0;
  let acknowledgedCount = 0;
  let quarantinedCount = 0;
  let compressedCount = 0;
  let reusedCount = 0;
  for (let seed = 1; cutCount < 500; seed += 1) {
    const result = await runPowerCuts(seed);
    cutCount += result.cutCount;
    acknowledgedCount += result.acknowledgedCount;
    quarantinedCount += result.quarantinedCount;
    compressedCount += result.compressedCount;
    reusedCount += result.reusedCount;
  }
  // Else the cuts came before anything was at stake.
  expect(acknowledgedCount).toBeGreaterThan(4_000);
  expect(quarantinedCount).toBeGreaterThan(50);
  expect(compressedCount).toBeGreaterThan(300);
  expect(reusedCount).toBeGreaterThan(50);
});
