import { readFileSync } from "node:fs";
import { runScript, type EvalOutcome } from "./run-script.ts";

// node --conditions=quartet-source test/conformance/run.ts FILE.test …
// Runs scripts in Prometheus' promqltest language. Last line: "N passed, M failed"; exit code 1 when M is not 0.
const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("usage: run.ts FILE.test …");
  process.exit(2);
}

let passed = 0;
let failed = 0;
for (const file of files) {
  let outcomes: readonly EvalOutcome[];
  try {
    outcomes = runScript(readFileSync(file, "utf8"));
  } catch (error) {
    const line = error instanceof Error && "line" in error ? `:${String(error.line)}` : "";
    console.log(`${file}${line}: ${error instanceof Error ? error.message : String(error)}`);
    failed += 1;
    continue;
  }
  for (const { line, expression, failure } of outcomes) {
    if (failure === undefined) {
      passed += 1;
      continue;
    }
    failed += 1;
    console.log(`${file}:${line}: ${expression}\n    ${failure.replaceAll("\n", "\n    ")}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
