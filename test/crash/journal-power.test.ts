import { expect, test } from "vitest";
import { runPowerCuts } from "./power-cut.ts";

test("no acknowledged record is missing after any of 500 power cuts that drop everything unsynced", async () => {
  let cutCount = 0;
  let acknowledgedCount = 0;
  for (let seed = 1; cutCount < 500; seed += 1) {
    const result = await runPowerCuts(seed);
    cutCount += result.cutCount;
    acknowledgedCount += result.acknowledgedCount;
  }
  // Else the cuts came before anything was at stake.
  expect(acknowledgedCount).toBeGreaterThan(5_000);
});
