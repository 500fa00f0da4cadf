import process from "node:process";
import { describe, test } from "vitest";
import {
  jdkMissing,
  locateChromium,
  locateJdk,
  locatePart,
  missingReason,
  type PartName,
} from "./catalogue.mjs";

export type { PartName } from "./catalogue.mjs";

/** Why a part cannot be used, in one line; undefined when it can. Looks into the cache, builds nothing. */
export function partMissingReason(name: PartName): string | undefined {
  return missingReason(name);
}

/** The part's executable. @throws Error with the reason when the part is missing. */
export function partPath(name: PartName): string {
  const reason = missingReason(name);
  if (reason !== undefined) throw new Error(`The part ${name} is missing: ${reason}`);
  if (name !== "chromium") return locatePart(name).path;
  const path = locateChromium();
  if (path === undefined) throw new Error("Chromium went away");
  return path;
}

/** The home of the JDK that parts for the JVM run on. @throws Error when there is none. */
export function jdkHome(): string {
  const home = locateJdk();
  if (home === undefined) throw new Error(jdkMissing);
  return home;
}

/** The folder of a part's binary, where the files that belong to it lie as well. */
export function partDir(name: Exclude<PartName, "chromium">): string {
  return locatePart(name).dir;
}

/**
 * A suite that needs real parts. Where one is missing it is skipped, with the reason in its title; under `CI=true` that
 * fails instead, so that a green run there means that everything ran.
 */
export function describeWithParts(title: string, parts: readonly PartName[], body: () => void): void {
  const missing = parts.flatMap((name) => {
    const reason = missingReason(name);
    return reason === undefined ? [] : [`${name}: ${reason.split("\n").join(" ")}`];
  });
  if (missing.length > 0 && process.env["CI"] === "true") {
    describe(title, () => {
      test("has its parts", () => {
        throw new Error(`Missing parts fail under CI=true. ${missing.join("; ")}`);
      });
    });
    return;
  }
  const suffix = missing.length > 0 ? ` (needs ${missing.join("; ")})` : "";
  describe.skipIf(missing.length > 0)(`${title}${suffix}`, () => {
    body();
  });
}
