export { formatFinding, runChecks } from "./check.ts";
export { preflightChecks } from "./preflight.ts";
