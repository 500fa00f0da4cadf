// Makes a part that is a program for Python: its packages, checked against their hashes, and the program beside them.
import { copyFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { locatePythonPart, pythonParts } from "./catalogue.mjs";
import { runCommand } from "./command.mjs";

const installDeadlineMs = 10 * 60_000;

/**
 * Installs one part in the folder `work` and puts it into its place in the cache. Python finds packages beside the program
 * that it is given, so nothing depends on where that is, and no environment has to be entered.
 * @param {import("./catalogue.mjs").PythonPartName} name
 * @param {{ work: string, env: NodeJS.ProcessEnv, onLife: (ranMs: number) => void }} settings
 */
export async function installPythonPart(name, { work, env, onLife }) {
  const { program } = pythonParts[name];
  const { sourceDir, dir } = locatePythonPart(name, env);
  const output = join(work, basename(dir));
  const args = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--no-cache-dir",
    "--no-compile",
    "--only-binary=:all:",
    "--require-hashes",
    `--target=${output}`,
    `--requirement=${join(sourceDir, "requirements.txt")}`,
  ];
  const options = { cwd: work, env, deadlineMs: installDeadlineMs, onLife };
  const outcome = await runCommand("python3", args, options);
  if (outcome.kind === "failed") return outcome;
  await copyFile(join(sourceDir, program), join(output, program));
  await rename(output, dir);
  return outcome;
}
