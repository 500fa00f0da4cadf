// A lock between runs: a file that its owner touches while it works.
import { randomUUID } from "node:crypto";
import { readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

const touchIntervalMs = 5_000;
/** An owner that has not touched it for so long is dead or stopped. */
const staleAfterMs = 60_000;
const retryIntervalMs = 500;

/**
 * Waits for the lock and takes it; gives the function that frees it, or undefined when the deadline passed.
 * A lock whose owner died (seen at once on the same host, else after a minute) is taken over. Two runs that take over one dead
 * lock in the same instant may both go on: that costs time, never a wrong binary, for binaries are renamed into place whole.
 * @param {string} path
 * @param {{ deadlineMs: number, onWait: (waitedMs: number, owner: string) => void }} settings
 */
export async function takeLock(path, { deadlineMs, onWait }) {
  const own = JSON.stringify({ id: randomUUID(), pid: process.pid, host: hostname() });
  const beganMs = performance.now();
  for (;;) {
    if (await isCreated(path, own)) break;
    const held = await readFile(path, "utf8").catch(orMissing);
    if (held === undefined) continue;
    if (await isStale(path, held)) {
      await rm(path, { force: true });
      continue;
    }
    const waitedMs = performance.now() - beganMs;
    if (waitedMs > deadlineMs) return undefined;
    onWait(waitedMs, describeOwner(held));
    await sleep(retryIntervalMs);
  }
  const timer = setInterval(
    () => void utimes(path, new Date(), new Date()).catch(orMissing),
    touchIntervalMs,
  );
  timer.unref();
  return async () => {
    clearInterval(timer);
    if ((await readFile(path, "utf8").catch(orMissing)) === own) await rm(path, { force: true });
  };
}

/** @param {string} path @param {string} text */
async function isCreated(path, text) {
  try {
    await writeFile(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** @param {string} path @param {string} held */
async function isStale(path, held) {
  const status = await stat(path).catch(orMissing);
  if (status === undefined) return false;
  if (Date.now() - status.mtimeMs > staleAfterMs) return true;
  const owner = parseOwner(held);
  if (owner?.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}

/** Half-written text is an owner just starting. @param {string} held @returns {{ pid: number, host: string } | undefined} */
function parseOwner(held) {
  try {
    const { pid, host } = JSON.parse(held);
    return { pid, host };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** @param {string} held */
function describeOwner(held) {
  const owner = parseOwner(held);
  return owner === undefined ? "another run" : `process ${owner.pid} on ${owner.host}`;
}

/** @param {unknown} error @returns {undefined} */
function orMissing(error) {
  if (codeOf(error) !== "ENOENT") throw error;
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
