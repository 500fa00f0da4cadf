// Runs one command with a bound on its time, signs of life, and an end that takes its children along.
import { spawn } from "node:child_process";
import process from "node:process";

const lifeIntervalMs = 30_000;
const keptLineCount = 12;
const isWindows = process.platform === "win32";
/** @type {Set<() => void>} */
const running = new Set();

/** Kills every command that still runs, with its children. */
export function killCommands() {
  for (const kill of running) kill();
}

/**
 * Runs a command to its end.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env: NodeJS.ProcessEnv, deadlineMs: number, onLife?: (ranMs: number) => void }} settings
 * @returns {Promise<{ kind: "done", stdout: string } | { kind: "failed", reason: string }>} The reason is short: the last lines of stderr.
 */
export function runCommand(command, args, { cwd, env, deadlineMs, onLife }) {
  return new Promise((resolve) => {
    const beganMs = performance.now();
    // A group of its own: `go build` starts compilers, which a kill of go alone would leave behind.
    const child = spawn(command, args, {
      cwd,
      env,
      detached: !isWindows,
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true,
    });
    let stdout = "";
    let stderr = "";
    let isLate = false;
    const kill = () => {
      if (child.pid === undefined) return;
      try {
        if (isWindows) child.kill("SIGKILL");
        else process.kill(-child.pid, "SIGKILL");
      } catch (error) {
        // It ended by itself in the meantime.
        if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
      }
    };
    running.add(kill);
    const life = setInterval(() => onLife?.(performance.now() - beganMs), lifeIntervalMs);
    const deadline = setTimeout(() => {
      isLate = true;
      kill();
    }, deadlineMs);
    /** @param {{ kind: "done", stdout: string } | { kind: "failed", reason: string }} outcome */
    const settle = (outcome) => {
      running.delete(kill);
      clearInterval(life);
      clearTimeout(deadline);
      resolve(outcome);
    };
    child.stdout.on("data", (chunk) => (stdout = (stdout + chunk).slice(-65_536)));
    child.stderr.on("data", (chunk) => (stderr = (stderr + chunk).slice(-65_536)));
    child.once("error", (error) =>
      settle({ kind: "failed", reason: `${command} could not be started: ${error.message}` }),
    );
    child.once("close", (code, signal) => {
      if (isLate)
        settle({
          kind: "failed",
          reason: `${command} did not end within ${Math.round(deadlineMs / 1000)} s`,
        });
      else if (code === 0) settle({ kind: "done", stdout });
      else
        settle({
          kind: "failed",
          reason: `${command} ${args[0]} ended with ${signal ?? `exit code ${code}`}: ${lastLines(stderr)}`,
        });
    });
  });
}

/** Progress of downloads explains nothing. @param {string} text */
function lastLines(text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("go: downloading"));
  return lines.slice(-keptLineCount).join("\n  ");
}
