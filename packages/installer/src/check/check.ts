/** What one check found. */
export type CheckOutcome =
  | { readonly kind: "passed" }
  /** `problem`: one line, what is the matter. `isPassing`: it will go by itself, so asking again makes sense. */
  | { readonly kind: "found"; readonly problem: string; readonly isPassing?: boolean };

/** One thing that must hold before anything is written. Checks are data: an ordered list, run and shown elsewhere. */
export interface Check {
  /** What holds when it passes: "Kubernetes is 1.30 or later". */
  readonly description: string;
  /** What to do when it does not. */
  readonly hint: string;
  /** A fatal finding ends the command; a warning is shown. */
  readonly severity: "fatal" | "warning";
  /** How long to ask again while what it found is passing; 0 = ask once. */
  readonly deadlineMs: number;
  /** Writes nothing. Errors of the connection may be thrown: they end the run. */
  run(): Promise<CheckOutcome>;
}

export type CheckResult = { readonly check: Check } & CheckOutcome;

const pauseMs = 500;

/** Runs every check, in their order. */
export async function runChecks(
  checks: readonly Check[],
  settings: { readonly nowMs: () => number; readonly sleep: (ms: number) => Promise<void> },
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    const endsMs = settings.nowMs() + check.deadlineMs;
    let outcome = await check.run();
    while (outcome.kind === "found" && outcome.isPassing === true && settings.nowMs() < endsMs) {
      await settings.sleep(pauseMs);
      outcome = await check.run();
    }
    results.push({ check, ...outcome });
  }
  return results;
}

/** A finding in two lines: what, and what to do. */
export function formatFinding(result: CheckResult): string {
  const { check } = result;
  const problem = result.kind === "found" ? `: ${result.problem}` : "";
  return `${check.severity === "fatal" ? "failed " : "warning"}  ${check.description}${problem}\n         ${check.hint}`;
}
