import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename } from "node:path";
import { workerData } from "node:worker_threads";
import type { ProcessFacts } from "./config.ts";
import { serviceOfScript } from "./service-name.ts";

/** What the running process tells about itself. */
export function readProcessFacts(): ProcessFacts {
  return {
    service: serviceOfScript({ script: process.argv[1], cwd: process.cwd() }),
    hostName: hostname(),
    pid: process.pid,
    nodeVersion: process.versions.node,
    agentVersion: readOwnVersion(),
    instanceId: randomUUID(),
  };
}

/** Beside `src` and `dist` alike. */
function readOwnVersion(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

const packageManagers: ReadonlySet<string> = new Set([
  "npm",
  "npx",
  "npm-cli.js",
  "npx-cli.js",
  "pnpm",
  "pnpm.cjs",
  "pnpx",
  "yarn",
  "yarn.js",
  "yarnpkg",
  "corepack",
  "corepack.js",
]);

/**
 * Whether this process is a package manager that will start the service (`npm start`): NODE_OPTIONS reaches it first, and an agent in it
 * would take the service's admin port.
 */
export function isPackageManager(): boolean {
  return packageManagers.has(basename(process.argv[1] ?? ""));
}

/**
 * Whether this thread is one of pino's own, which writes what other threads log: `--import` also runs there, and an agent would do nothing
 * but take memory.
 */
export function isTransportThread(): boolean {
  const data = workerData as
    | { workerData?: { $context?: { threadStreamVersion?: unknown } } }
    | null
    | undefined;
  return data?.workerData?.$context?.threadStreamVersion !== undefined;
}
