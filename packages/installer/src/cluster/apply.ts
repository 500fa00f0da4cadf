import type { Manifest } from "../manifest/index.ts";
import { InstallerError } from "../output/index.ts";
import type { ClusterClient } from "./client.ts";
import { describeObject } from "./kinds.ts";
import { applyObject, conflictsOf, mapConcurrently, refusalOf, type PlannedObject } from "./plan.ts";

/** One object that was written. */
export interface AppliedObject {
  readonly object: Manifest;
  readonly kind: "created" | "configured";
  /** What the API server warns of, although it took the object. */
  readonly warnings: readonly string[];
}

/**
 * Refuses a plan that cannot be carried out, before anything is written.
 * @throws InstallerError QUARTET_FIELD_CONFLICT listing every field and its manager, QUARTET_CLUSTER_REFUSED listing the rest.
 */
export function assertPlan(plan: readonly PlannedObject[]): void {
  const conflicts = plan.flatMap((planned) =>
    planned.kind === "conflict"
      ? planned.conflicts.map(
          ({ field, manager }) => `  ${describeObject(planned.object)}: ${field} belongs to ${manager}`,
        )
      : [],
  );
  if (conflicts.length > 0) {
    throw new InstallerError(
      "QUARTET_FIELD_CONFLICT",
      `nothing was written, because others have changed fields that Quartet sets:\n${conflicts.join("\n")}\n` +
        "undo their change, or take the fields over with --force-conflicts",
    );
  }
  const problems = plan.flatMap((planned) => {
    const name = describeObject(planned.object);
    switch (planned.kind) {
      case "foreign":
        return [
          `  ${name} exists and was not made by this installation; remove it, or choose another --namespace`,
        ];
      case "terminating":
        return [`  ${name} is being deleted; wait until it is gone and run again`];
      case "refused":
        return [`  ${name}: ${planned.message}${hintOf(planned.status, planned.message)}`];
      case "create":
      case "configure":
      case "unchanged":
      case "conflict":
        return [];
    }
  });
  if (problems.length > 0) {
    throw new InstallerError("QUARTET_CLUSTER_REFUSED", `nothing was written:\n${problems.join("\n")}`);
  }
}

/**
 * Writes what a plan creates and configures; what is unchanged gets no request. Order: that of the plan, several at once.
 * @throws InstallerError QUARTET_FIELD_CONFLICT or QUARTET_CLUSTER_REFUSED; a later run goes on from there.
 */
export async function applyPlan(
  client: ClusterClient,
  plan: readonly PlannedObject[],
  options: { readonly isForced: boolean; readonly onApplied: (applied: AppliedObject) => void },
): Promise<readonly AppliedObject[]> {
  const due = plan.filter(({ kind }) => kind === "create" || kind === "configure");
  return await mapConcurrently(due, async ({ object, kind }) => {
    const answer = await applyObject(client, object, { isDryRun: false, isForced: options.isForced });
    if (answer.status === 409) {
      assertPlan([{ kind: "conflict", object, conflicts: conflictsOf(answer) }]);
    }
    if (answer.status !== 200 && answer.status !== 201) {
      const { status, message } = refusalOf(answer);
      throw new InstallerError(
        "QUARTET_CLUSTER_REFUSED",
        `${describeObject(object)}: ${message}${hintOf(status, message)}`,
      );
    }
    const applied: AppliedObject = {
      object,
      kind: kind === "create" ? "created" : "configured",
      warnings: answer.warnings,
    };
    options.onApplied(applied);
    return applied;
  });
}

function hintOf(status: number, message: string): string {
  // Claims, selectors and the like cannot change.
  if (status === 422 && /immutable|forbidden: updates to/i.test(message)) {
    return "\n    (this field cannot change; quartet uninstall keeps the data, quartet install makes the object anew)";
  }
  return "";
}
