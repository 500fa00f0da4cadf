import { test } from "vitest";
import { checkCrashes, checkRecount } from "./crash.test-kit.ts";

test("for many random records the counters equal a plain recount", async () => {
  for (let seed = 100; seed < 150; seed += 1) await checkRecount(seed);
}, 600_000);

test("killed at many points and started again, derive writes nothing twice and counts nothing twice or never", async () => {
  for (let seed = 100; seed < 400; seed += 1) await checkCrashes(seed);
}, 1_800_000);
