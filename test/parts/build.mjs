// Prepares the real parts of tests: builds missing Go programs into a cache, fetches those for the JVM and Python, finds (under CI as root:
// installs) the browser.
// Runs under Node 20 before node_modules exist. By hand: node test/parts/build.mjs [NAME…]
import { mkdir, rm, writeFile } from "node:fs/promises";
import { existsSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildGoPart } from "./build-go.mjs";
import {
  chromiumInstall,
  goPartNames,
  isMavenPart,
  isPythonPart,
  jdkMissing,
  locateChromium,
  locateJdk,
  locatePart,
  mavenPartNames,
  missingReason,
  partsDir,
  pythonPartNames,
} from "./catalogue.mjs";
import { killCommands, runCommand } from "./command.mjs";
import { fetchMavenPart } from "./fetch-maven.mjs";
import { installPythonPart } from "./install-python.mjs";
import { takeLock } from "./lock.mjs";

const installDeadlineMs = 10 * 60_000;
const lockDeadlineMs = 60 * 60_000;
const waitLogIntervalMs = 30_000;

/**
 * @typedef {import("./catalogue.mjs").PartName} PartName
 * @typedef {import("./catalogue.mjs").MadePartName} MadePartName
 * @typedef {{ name: PartName, version: string, state: "cached" | "built" | "missing", durationMs: number, reason?: string }} PreparedPart
 */

/**
 * Makes every part (or those named) ready and says for each how it went. Never throws because of a part: one that cannot be
 * had is "missing" with its reason, and its suites say so. Bounded: 40 minutes a build, 10 a download or the browser's installation.
 * @param {{ log?: (line: string) => void, env?: NodeJS.ProcessEnv, names?: readonly string[] }} [settings]
 * @returns {Promise<readonly PreparedPart[]>}
 */
export async function prepareParts({ log = console.log, env = process.env, names } = {}) {
  const isWanted = (/** @type {string} */ name) =>
    names === undefined || names.length === 0 || names.includes(name);
  // What is fetched in seconds comes first.
  const wanted = [...mavenPartNames, ...pythonPartNames, ...goPartNames].filter(isWanted);
  /** @type {PreparedPart[]} */
  const prepared = [];
  /** @param {PreparedPart} part */
  const report = (part) => {
    prepared.push(part);
    log(progressLine(part));
  };
  const isBuilt = (/** @type {MadePartName} */ name) => existsSync(locatePart(name, env).path);

  for (const name of wanted.filter(isBuilt)) report(cached(name, env));
  const unbuilt = wanted.filter((name) => !isBuilt(name));
  try {
    if (unbuilt.length > 0) await buildUnderLock(unbuilt, { log, env, report });
  } catch (error) {
    // The disk is full, the cache is not ours to write: the suites without parts shall run all the same.
    const reason = `the cache ${partsDir(env)} cannot be filled: ${String(error)} (QUARTET_PARTS_DIR moves it)`;
    const isReported = (/** @type {string} */ name) => prepared.some((part) => part.name === name);
    for (const name of unbuilt.filter((name) => !isReported(name))) report(missing(name, env, reason));
  }
  if (isWanted("chromium")) report(await prepareChromium({ log, env }));
  return prepared;
}

/**
 * @param {readonly (MadePartName)[]} all
 * @param {{ log: (line: string) => void, env: NodeJS.ProcessEnv, report: (part: PreparedPart) => void }} settings
 */
async function buildUnderLock(all, { log, env, report }) {
  const root = partsDir(env);
  await mkdir(root, { recursive: true });
  const lacking = await lackingTools(all, env);
  const names = all.filter((name) => lacking(name) === undefined);
  for (const name of all) {
    const reason = lacking(name);
    if (reason === undefined) continue;
    await writeFile(locatePart(name, env).reason, reason);
    report(missing(name, env, reason));
  }
  if (names.length === 0) return;
  let loggedMs = 0;
  const free = await takeLock(join(root, "lock"), {
    deadlineMs: lockDeadlineMs,
    onWait: (waitedMs, owner) => {
      if (waitedMs < loggedMs) return;
      loggedMs = waitedMs + waitLogIntervalMs;
      log(`waiting for ${owner}, which is building them (${seconds(waitedMs)})`);
    },
  });
  if (free === undefined) throw new Error(`another run held ${join(root, "lock")} for too long`);
  // Only the owner of the lock works here, so what a killed run left can go. On the cache's own disk, for the rename's sake.
  const work = join(root, "work");
  const leave = leaveOnSignal(work, join(root, "lock"));
  try {
    await rm(work, { recursive: true, force: true });
    await mkdir(join(work, "tmp"), { recursive: true });
    for (const name of names) {
      const { path, reason: reasonFile } = locatePart(name, env);
      if (leave.isLeaving()) return;
      const part = existsSync(path) ? cached(name, env) : await makePart(name, { work, log, env });
      // A build that this run itself cut off says nothing about the part.
      if (leave.isLeaving()) return;
      if (part.reason === undefined) await rm(reasonFile, { force: true });
      else await writeFile(reasonFile, part.reason);
      report(part);
    }
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 5 });
    leave.cancel();
    await free();
  }
}

/**
 * Asks once for each kind of tool; the function that comes back says why a part cannot be made here.
 * @param {readonly (MadePartName)[]} names
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<(name: MadePartName) => string | undefined>}
 */
async function lackingTools(names, env) {
  const isThere = async (/** @type {string} */ command, /** @type {readonly string[]} */ args) =>
    (await runCommand(command, args, { env, deadlineMs: 60_000 })).kind === "done";
  const isGoWanted = names.some((name) => !isMavenPart(name) && !isPythonPart(name));
  const goMissing =
    isGoWanted && !(await isThere("go", ["env", "GOVERSION"]))
      ? "Go is not installed (https://go.dev/dl), or go is not on the PATH"
      : undefined;
  const mavenMissing =
    names.some(isMavenPart) && !(await isThere("mvn", ["--version"]))
      ? "Maven is not installed (https://maven.apache.org), or mvn is not on the PATH"
      : undefined;
  const pythonMissing =
    names.some(isPythonPart) && !(await isThere("python3", ["-m", "pip", "--version"]))
      ? "Python is not installed (https://www.python.org), or python3 is not on the PATH, or it has no pip"
      : undefined;
  return (name) => {
    if (isPythonPart(name)) return pythonMissing;
    if (!isMavenPart(name)) return goMissing;
    return mavenMissing ?? (locateJdk(env) === undefined ? jdkMissing : undefined);
  };
}

/**
 * @param {MadePartName} name
 * @param {{ work: string, log: (line: string) => void, env: NodeJS.ProcessEnv }} settings
 * @returns {Promise<PreparedPart>}
 */
async function makePart(name, { work, log, env }) {
  const { version } = locatePart(name, env);
  const verb = isMavenPart(name) || isPythonPart(name) ? "fetching" : "building";
  log(`${label(name, version)} ${verb}`);
  const onLife = (/** @type {number} */ ranMs) =>
    log(`${label(name, version)} still ${verb}, ${seconds(ranMs)}`);
  const beganMs = performance.now();
  const settings = { work, env, onLife };
  const outcome = isPythonPart(name)
    ? await installPythonPart(name, settings)
    : isMavenPart(name)
      ? await fetchMavenPart(name, settings)
      : await buildGoPart(name, settings);
  const durationMs = performance.now() - beganMs;
  if (outcome.kind === "failed")
    return { name, version, state: "missing", durationMs, reason: outcome.reason };
  return { name, version, state: "built", durationMs };
}

/** @param {MadePartName} name @param {NodeJS.ProcessEnv} env @param {string} reason @returns {PreparedPart} */
function missing(name, env, reason) {
  return { name, version: locatePart(name, env).version, state: "missing", durationMs: 0, reason };
}

/** @param {MadePartName} name @param {NodeJS.ProcessEnv} env @returns {PreparedPart} */
function cached(name, env) {
  return { name, version: locatePart(name, env).version, state: "cached", durationMs: 0 };
}

/** Ends the builds and leaves nothing half-done behind when the run is interrupted. @param {string} work @param {string} lock */
function leaveOnSignal(work, lock) {
  let isLeaving = false;
  /** @param {NodeJS.Signals} signal */
  const onSignal = (signal) => {
    isLeaving = true;
    cancel();
    killCommands();
    rmSync(work, { recursive: true, force: true, maxRetries: 5 });
    rmSync(lock, { force: true });
    process.kill(process.pid, signal);
  };
  const cancel = () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return { cancel, isLeaving: () => isLeaving };
}

/** @param {{ log: (line: string) => void, env: NodeJS.ProcessEnv }} settings @returns {Promise<PreparedPart>} */
async function prepareChromium({ log, env }) {
  const name = "chromium";
  const beganMs = performance.now();
  const found = locateChromium(env);
  if (found) return { name, version: found, state: "cached", durationMs: 0 };
  const mayInstall = env["CI"] === "true" && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
  if (!mayInstall)
    return { name, version: "", state: "missing", durationMs: 0, reason: missingReason(name, env) ?? "" };
  const options = {
    env: { ...env, DEBIAN_FRONTEND: "noninteractive" },
    deadlineMs: installDeadlineMs,
    onLife: (/** @type {number} */ ranMs) => log(`${label(name, "")} still installing, ${seconds(ranMs)}`),
  };
  log(`${label(name, "")} installing the Debian package`);
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", "chromium"]]) {
    const outcome = await runCommand("apt-get", args, options);
    const durationMs = performance.now() - beganMs;
    if (outcome.kind === "failed")
      return { name, version: "", state: "missing", durationMs, reason: outcome.reason };
  }
  const path = locateChromium(env);
  const durationMs = performance.now() - beganMs;
  if (path) return { name, version: path, state: "built", durationMs };
  return {
    name,
    version: "",
    state: "missing",
    durationMs,
    reason: `it is not there after: ${chromiumInstall}`,
  };
}

/** @param {PreparedPart} part */
function progressLine({ name, version, state, durationMs, reason }) {
  const outcome = {
    cached: "cached",
    built: `built in ${seconds(durationMs)}`,
    missing: `missing: ${reason}`,
  }[state];
  return `${label(name, version)} ${outcome}`;
}

/** @param {string} name @param {string} version */
function label(name, version) {
  return `${[name, version].filter(Boolean).join(" ")}:`;
}

/** @param {number} durationMs */
function seconds(durationMs) {
  return `${Math.round(durationMs / 1000)} s`;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const parts = await prepareParts({ names: process.argv.slice(2) });
  process.exitCode = parts.some(({ state }) => state === "missing") ? 1 : 0;
}
