import { test } from "vitest";
import { checkCrashes, checkRecount } from "./crash.test-kit.ts";

test("for random records the counters equal a plain recount", async () => {
  for (const seed of [1, 2]) await checkRecount(seed);
}, 30_000);

test("killed at any point and started again, derive writes nothing twice and counts nothing twice or never", async () => {
  for (const seed of [1, 2, 3]) await checkCrashes(seed);
}, 30_000);
