import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runScript } from "./run-script.ts";

const own = join(import.meta.dirname, "cases");
// Scripts from elsewhere, such as Prometheus' own, that are not part of this repository.
const given = process.env["QUARTET_PROMQLTEST_DIR"];

for (const directory of given === undefined ? [own] : [own, given]) {
  describe(directory === own ? "our scripts" : "scripts in QUARTET_PROMQLTEST_DIR", () => {
    for (const file of readdirSync(directory)
      .filter((name) => name.endsWith(".test"))
      .sort()) {
      test(`every evaluation in ${file} gives what it expects`, () => {
        const outcomes = runScript(readFileSync(join(directory, file), "utf8"));
        const failures = outcomes.filter(({ failure }) => failure !== undefined);
        expect(outcomes.length).toBeGreaterThan(0);
        expect(failures).toEqual([]);
      });
    }
  });
}
