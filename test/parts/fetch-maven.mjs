// Fetches a part that lies as a zip in Maven's central repository (or whatever mirror the machine's own settings name).
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { locateJdk, locatePart, mavenParts } from "./catalogue.mjs";
import { runCommand } from "./command.mjs";

const fetchDeadlineMs = 10 * 60_000;
const copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/**
 * Downloads one part into the folder `work`, checks it, unpacks it, and puts it into its place in the cache.
 * @param {import("./catalogue.mjs").MavenPartName} name
 * @param {{ work: string, env: NodeJS.ProcessEnv, onLife: (ranMs: number) => void }} settings
 * @returns {Promise<{ kind: "done" } | { kind: "failed", reason: string }>}
 */
export async function fetchMavenPart(name, { work, env, onLife }) {
  const { coordinates, sha256, folder, program } = mavenParts[name];
  const { dir } = locatePart(name, env);
  const output = join(work, name);
  await mkdir(output, { recursive: true });
  const options = { cwd: output, env, deadlineMs: fetchDeadlineMs, onLife };
  const args = [
    "--batch-mode",
    "--quiet",
    // The parts of one run share it, and it goes with them: the zips are worth nothing once they are unpacked.
    `-Dmaven.repo.local=${join(work, "maven")}`,
    copyGoal,
    `-Dartifact=${coordinates}`,
    `-DoutputDirectory=${output}`,
  ];
  const copied = await runCommand("mvn", args, options);
  if (copied.kind === "failed") return copied;
  const zip = (await readdir(output)).find((file) => file.endsWith(".zip"));
  if (zip === undefined) return { kind: "failed", reason: `mvn left no zip of ${coordinates}` };
  const found = await sha256Of(join(output, zip));
  if (found !== sha256)
    return { kind: "failed", reason: `${coordinates} has the checksum ${found} instead of ${sha256}` };
  // Whoever runs the part has a JDK, and every JDK has jar; unzip is not on every machine.
  const jar = join(locateJdk(env) ?? "", "bin", "jar");
  const unpacked = await runCommand(jar, ["--extract", "--file", zip], options);
  if (unpacked.kind === "failed") return unpacked;
  const programs = join(output, folder, dirname(program));
  for (const file of await readdir(programs)) await chmod(join(programs, file), 0o755);
  await rename(join(output, folder), dir);
  await rm(output, { recursive: true });
  return { kind: "done" };
}

/** @param {string} path */
async function sha256Of(path) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
