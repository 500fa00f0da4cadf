import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { findNode24 } from "./node24.js";

const here = dirname(fileURLToPath(import.meta.url));

/**
 * What the engine is told; the bench takes it from here, and a test holds the collector's Dockerfile to it.
 * What comes in lies outside the engine's heap but is only given back when the young part of the heap is full, so that shall be soon.
 * The engine's helpers mark a heap on all processors at once, which holds up whoever waits for an answer: one of them is enough.
 */
export const engineFlags = ["--max-semi-space-size=1", "--v8-pool-size=1"];

/**
 * Runs the quartet command on Node 24, whatever Node we are, and ends as it ends.
 * In a checkout it runs the sources; under node_modules, where Node strips no types, the built files.
 * @param {readonly string[]} args arguments of the command
 */
export function launch(args) {
  const node = findNode24(fileURLToPath(import.meta.url));
  if (node === undefined) {
    process.stderr.write(
      `quartet needs Node 24 or later and runs on ${process.versions.node}, and npm brought no Node 24 for ${process.platform}-${process.arch}.\n` +
        "Install Node 24 and run the same command again.\n",
    );
    process.exitCode = 1;
    return;
  }
  const source = join(here, "..", "src", "main.ts");
  const isCheckout = !here.includes(`${sep}node_modules${sep}`) && existsSync(source);
  const entry = isCheckout ? ["--conditions=quartet-source", source] : [join(here, "..", "dist", "main.js")];
  // The channel tells the child of our death, also by kill -9: it ends itself then.
  const child = spawn(node, [...engineFlags, ...entry, ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`quartet could not start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    // As a shell tells it: 130 for SIGINT, 143 for SIGTERM, 137 for SIGKILL.
    process.exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    process.removeAllListeners("SIGINT").removeAllListeners("SIGTERM").removeAllListeners("SIGHUP");
  });
}
