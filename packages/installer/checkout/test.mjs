// `npm test` and its shorter and longer forms. Runs on plain Node >= 20; everything it starts runs on Node 24.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, setUp } from "./setup.mjs";

const mode = process.argv[2] ?? "all";
const node = setUp();
const bin = (...path) => join(root, "node_modules", ...path);
const tsc = bin("typescript", "bin", "tsc");

/**
 * Each check: a name and the arguments of Node.
 * @type {[name: string, args: string[]][]}
 */
const checks = [
  ["types of the packages", [tsc, "-b"]],
  ["types of the tests", [tsc, "-p", "tsconfig.test.json"]],
  ["lint", [bin("oxlint", "bin", "oxlint"), "--type-aware", "--max-warnings=0"]],
  ["format", [bin("oxfmt", "bin", "oxfmt"), "--check"]],
  ["dead code", [bin("knip", "bin", "knip.js"), "--no-progress"]],
  ...["agent", "collector", "installer"].map((name) => [
    `publishable: ${name}`,
    [bin("publint", "src", "cli.js"), "--strict", join("packages", name)],
  ]),
];

let passed = 0;
let failed = 0;
let skipped = 0;
switch (mode) {
  case "all":
  case "long":
    await prepareParts();
    await runChecks();
    await runSuites(mode === "long" ? { QUARTET_TEST_LENGTH: "long" } : {});
    break;
  case "unit":
    await runSuites({}, ["--project", "unit"]);
    break;
  case "check":
    await runChecks();
    break;
  case "format":
    process.exit((await run([bin("oxfmt", "bin", "oxfmt")], { stdio: "inherit" })).code);
    break;
  default:
    process.stderr.write(`unknown kind of test "${mode}": use all, unit, long, check or format\n`);
    process.exit(2);
}
process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
process.exitCode = failed > 0 ? 1 : 0;

/** The real programs that suites start; what is missing is said here and fails or skips its suites later. */
async function prepareParts() {
  const { prepareParts: prepare } = await import("../../../test/parts/build.mjs");
  await prepare({ log: (line) => process.stdout.write(`parts: ${line}\n`), env: process.env });
}

async function runChecks() {
  for (const [name, args] of checks) {
    const startedMs = Date.now();
    const { code, output } = await run(args, { stdio: "pipe" });
    process.stdout.write(
      `check: ${name}: ${code === 0 ? "ok" : "FAILED"} (${((Date.now() - startedMs) / 1000).toFixed(1)} s)\n`,
    );
    if (code === 0) passed += 1;
    else {
      failed += 1;
      process.stdout.write(output);
    }
  }
}

/** Runs vitest and adds its counts to ours. A run that broke off before its report counts as one failure. */
async function runSuites(env, args = []) {
  const folder = mkdtempSync(join(tmpdir(), "quartet-test-"));
  const report = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { code } = await run([bin("vitest", "vitest.mjs"), "run", ...reporters, ...args], {
    stdio: "inherit",
    env,
  });
  try {
    const counts = JSON.parse(readFileSync(report, "utf8"));
    passed += counts.numPassedTests;
    failed += counts.numFailedTests;
    skipped += counts.numPendingTests + counts.numTodoTests;
    // A suite that fails to load has no test to count, and an unhandled error none either.
    if (code !== 0 && counts.numFailedTests === 0) failed += Math.max(1, counts.numFailedTestSuites);
  } catch (error) {
    process.stderr.write(`vitest left no report: ${error.message}\n`);
    failed += 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs Node 24 with `args` in the root; resolves with its exit code and, when piped, what it printed. */
function run(args, { stdio, env = {} }) {
  return new Promise((resolve) => {
    const child = spawn(node, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: stdio === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout?.on("data", (chunk) => (output += chunk));
    child.stderr?.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ code: 1, output: `${error.message}\n` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
