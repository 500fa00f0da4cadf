// Builds a part that is a Go program, from the module that its folder here pins.
import { copyFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { goParts, locateGoPart } from "./catalogue.mjs";
import { runCommand } from "./command.mjs";

/** The largest takes 3 minutes on two idle cores; a busy machine may take ten times that. */
const buildDeadlineMs = 40 * 60_000;

/**
 * Builds one Go part in the folder `work` and puts it into its place in the cache.
 * @param {import("./catalogue.mjs").GoPartName} name
 * @param {{ work: string, env: NodeJS.ProcessEnv, onLife: (ranMs: number) => void }} settings
 */
export async function buildGoPart(name, { work, env, onLife }) {
  /** @type {import("./catalogue.mjs").GoPart} */
  const part = goParts[name];
  const { variables, moduleDir, dir, binary } = locateGoPart(name, env);
  const output = join(work, basename(dir));
  const goEnv = {
    ...env,
    CGO_ENABLED: "0",
    GOWORK: "off",
    GOFLAGS: "-buildvcs=false",
    GOCACHE: join(work, "go-build"),
    GOTMPDIR: join(work, "tmp"),
  };
  const linker = [
    "-s",
    "-w",
    ...Object.entries(variables).map(([variable, value]) => `-X=${variable}=${value}`),
  ].join(" ");
  const args = [
    "build",
    "-trimpath",
    "-mod=readonly",
    `-ldflags=${linker}`,
    ...(part.tags ? [`-tags=${part.tags}`] : []),
  ];
  const options = { cwd: moduleDir, env: goEnv, deadlineMs: buildDeadlineMs };
  let outcome = await runCommand("go", [...args, "-o", join(output, binary), part.command], {
    ...options,
    onLife,
  });
  if (outcome.kind === "done" && part.files)
    outcome = await copyModuleFiles(part, part.files, output, options);
  if (outcome.kind === "done") await rename(output, dir);
  return outcome;
}

/**
 * @param {import("./catalogue.mjs").GoPart} part
 * @param {readonly string[]} files
 * @param {string} output
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, deadlineMs: number }} options
 */
async function copyModuleFiles(part, files, output, options) {
  const listed = await runCommand("go", ["list", "-m", "-f", "{{.Dir}}", part.modulePath], options);
  if (listed.kind === "failed") return listed;
  for (const file of files) await copyFile(join(listed.stdout.trim(), file), join(output, basename(file)));
  return listed;
}
