// Runs on plain Node >= 20, before node_modules exist: only node: imports, and no types.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findNode24 } from "../bin/node24.js";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

const installTimeoutMs = 15 * 60_000;

/**
 * Installs the dependencies when the lock file changed since the last time; says what it does.
 * @returns {string} path of a Node 24
 */
export function setUp() {
  const [major] = process.versions.node.split(".").map(Number);
  if (major < 20) fail(`Quartet's scripts need Node 20 or later, this is ${process.versions.node}.`);
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = createHash("sha256")
    .update(lock)
    .update(`${process.platform}-${process.arch}`)
    .digest("hex");
  const stamp = join(root, "node_modules", ".quartet-setup");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    install();
    writeFileSync(stamp, wanted);
  }
  const node = findNode24(join(root, "package.json"));
  if (node === undefined) {
    fail(
      `npm brings no Node 24 for ${process.platform}-${process.arch}: install Node 24 and run the same command again.`,
    );
  }
  return node;
}

function install() {
  process.stdout.write("setup: installing dependencies from the lock file (npm ci) …\n");
  const startedMs = Date.now();
  // npm tells its children where its own script is; run by hand, the one on the path must do.
  const script = process.env.npm_execpath;
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const options = { cwd: root, stdio: ["ignore", "ignore", "inherit"], timeout: installTimeoutMs };
  const result = script?.endsWith(".js")
    ? spawnSync(process.execPath, [script, ...args], options)
    : spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
  if (result.error) fail(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0)
    fail(`npm ci failed (${result.signal ?? `exit code ${result.status}`}); its words are above.`);
  process.stdout.write(`setup: dependencies installed in ${Math.round((Date.now() - startedMs) / 1000)} s\n`);
}

/** @returns {never} */
function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
