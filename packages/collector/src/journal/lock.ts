import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { CollectorError, systemClock, type Clock } from "../model/index.ts";
import { nodeFiles } from "./files.ts";
import { journalFolder } from "./layout.ts";

/** Ownership of a data directory. */
export interface JournalLock {
  /** Gives the directory free. Safe to call twice. */
  release(): void;
}

/** Who holds the lock, as the file says. A pid alone is not enough: after a restart another process may have it. */
interface Holder {
  readonly pid: number;
  /** When the process began, in whatever form the platform tells it; "" where it does not. */
  readonly startedAt: string;
  readonly hostname: string;
  readonly token: string;
}

const attemptCountMax = 5;

/** The holder touches the file this often; on another host, where no pid can be asked, a file left alone for long is nobody's. */
const heartbeatIntervalMs = 5_000;
const heartbeatSilenceMsMax = 30_000;

/**
 * Takes the journal of a data directory for this process; one collector at a time may write it.
 * The lock of a process that no longer lives (killed with -9, machine restarted, pid reused) is taken over.
 * @throws CollectorError QUARTET_JOURNAL_LOCKED naming the other process.
 */
export function lockJournal(dir: string, clock: Clock = systemClock): JournalLock {
  const folder = journalFolder(dir);
  nodeFiles.createFolder(folder);
  const path = join(folder, "lock");
  const token = randomBytes(8).toString("hex");
  const mine: Holder = {
    pid: process.pid,
    startedAt: startedAt(process.pid) ?? "",
    hostname: hostname(),
    token,
  };
  const own = join(folder, `lock.${token}`);
  writeDurably(own, `${JSON.stringify(mine)}\n`);
  try {
    for (let attempt = 1; ; attempt += 1) {
      // A hard link is made only if the name is free, and shows the whole content at once.
      if (tryLink(own, path)) return hold(path, token, clock);
      const holder = readHolder(path);
      if (holder === undefined) continue;
      if (attempt >= attemptCountMax || isAlive(holder, silenceMs(path, own))) throw lockedBy(holder, path);
      removeStale(path, holder, folder);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

function lockedBy(holder: Holder, path: string): CollectorError {
  return new CollectorError(
    "QUARTET_JOURNAL_LOCKED",
    `the data directory is in use by process ${holder.pid} on ${holder.hostname}; stop it, or choose another --data-dir (lock file ${path})`,
  );
}

/**
 * Removes the lock of a dead holder. Two processes may have found it dead, and the slower one must not remove what the faster
 * one took since: only who could link the guard looks again and removes.
 */
function removeStale(path: string, holder: Holder, folder: string): void {
  const guard = join(folder, "lock.takeover");
  if (!tryLink(path, guard)) {
    // Somebody is at it, or died at it: a takeover takes far less than this.
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.ctimeMs ?? Date.now());
    if (age > 10_000) rmSync(guard, { force: true });
    return;
  }
  try {
    if (readHolder(path)?.token === holder.token) rmSync(path, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

function hold(path: string, token: string, clock: Clock): JournalLock {
  let cancel: (() => void) | undefined;
  const beat = (): void => {
    const now = new Date(clock.nowMs());
    try {
      if (readHolder(path)?.token !== token) return;
      utimesSync(path, now, now);
    } catch (error) {
      // A full or failing disk, or no file descriptor left: the silence that others wait for is several beats long.
      if (!(error instanceof Error && "code" in error)) throw error;
    }
    cancel = clock.setTimer(beat, heartbeatIntervalMs);
  };
  cancel = clock.setTimer(beat, heartbeatIntervalMs);
  return {
    release() {
      cancel?.();
      if (readHolder(path)?.token === token) rmSync(path, { force: true });
    },
  };
}

/** For how long the lock has not been touched, by the file system's own clock: `own` was written just now. */
function silenceMs(path: string, own: string): number {
  const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return touched === undefined ? 0 : statSync(own).mtimeMs - touched;
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || code === "ENOENT") return false;
    throw error;
  }
}

/** undefined when there is no lock; one that does not parse has no live holder. */
function readHolder(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const nobody: Holder = { pid: 0, startedAt: "", hostname: hostname(), token: "" };
  try {
    return { ...nobody, ...(JSON.parse(text) as Partial<Holder>) };
  } catch (error) {
    if (error instanceof SyntaxError) return nobody;
    throw error;
  }
}

function isAlive(holder: Holder, silentMs: number): boolean {
  if (holder.pid === 0) return false;
  // Another machine on a network volume, or another container: its pids say nothing here.
  if (holder.hostname !== hostname()) return silentMs < heartbeatSilenceMsMax;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const startedNow = startedAt(holder.pid);
  return startedNow === undefined || holder.startedAt === "" || startedNow === holder.startedAt;
}

/** When a process began, comparable only with itself; undefined where the platform does not say. */
function startedAt(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // Field 22, counted behind the command's name, which may itself contain blanks and parentheses (proc(5)).
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return `${boot}:${fields[19]}`;
    }
    if (process.platform === "win32") return undefined;
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      timeout: 5_000,
    }).trim();
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function writeDurably(path: string, text: string): void {
  const fd = openSync(path, "wx", 0o640);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
