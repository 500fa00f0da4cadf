export { formatFinding, runChecks, type Check, type CheckOutcome, type CheckResult } from "./check.ts";
export { preflightChecks } from "./preflight.ts";
