import { describeObject, type WaitProgress } from "../cluster/index.ts";
import { InstallerError } from "../output/index.ts";

/** One line about what is not ready yet and why; undefined when everything is. */
export function describeWaiting(all: readonly WaitProgress[]): string | undefined {
  const waiting = all.filter(({ isReady }) => !isReady);
  if (waiting.length === 0) return undefined;
  const parts = waiting.map((one) => {
    const reason = one.reasons[0]?.text;
    const counts = `${one.workload.metadata.name} ${one.readyCount}/${one.wantedCount}`;
    return reason === undefined ? counts : `${counts} (${reason})`;
  });
  return `waiting     ${parts.join("; ")}`;
}

/**
 * Refuses workloads that are not ready, each with every reason that is known.
 * @throws InstallerError QUARTET_NOT_READY
 */
export function assertReady(all: readonly WaitProgress[]): void {
  const waiting = all.filter(({ isReady }) => !isReady);
  if (waiting.length === 0) return;
  const lines = waiting.flatMap((one) => {
    const reasons =
      one.reasons.length === 0
        ? ["no reason is known yet; look at its pods"]
        : one.reasons.map(({ text }) => text);
    return [
      `  ${describeObject(one.workload)}: ${one.readyCount} of ${one.wantedCount} ready`,
      ...reasons.map((text) => `    ${text}`),
    ];
  });
  throw new InstallerError(
    "QUARTET_NOT_READY",
    `not everything became ready; what was written stays, and running install again goes on from here:\n${lines.join("\n")}`,
  );
}
