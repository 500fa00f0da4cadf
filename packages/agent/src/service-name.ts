import { readFileSync } from "node:fs";
import { basename, dirname, extname, join, sep } from "node:path";

/**
 * Name and version of the service: from the nearest package.json above its main script that has a name, else the script's file name.
 * A script of a package that was installed (`next start`) is not the service: there the working directory counts.
 */
export function serviceOfScript({ script, cwd }: { script: string | undefined; cwd: string }): {
  name: string;
  version: string | undefined;
} {
  if (script === undefined || script === "") return { name: "node", version: undefined };
  const isInstalled = script.includes(`${sep}node_modules${sep}`);
  for (let folder = isInstalled ? cwd : dirname(script); ; folder = dirname(folder)) {
    const found = readManifest(join(folder, "package.json"));
    if (found !== undefined) return found;
    if (folder === dirname(folder)) break;
  }
  return { name: basename(script, extname(script)) || "node", version: undefined };
}

function readManifest(path: string): { name: string; version: string | undefined } | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    if (typeof name !== "string" || name === "") return undefined;
    return { name, version: typeof version === "string" ? version : undefined };
  } catch {
    // None here, or one that only says "type": look further up.
    return undefined;
  }
}
