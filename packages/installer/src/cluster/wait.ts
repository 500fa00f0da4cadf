import type { Workload } from "../manifest/index.ts";
import type { ClusterClient } from "./client.ts";
import type { LiveObject } from "./compare.ts";
import { kindOf, objectPath } from "./kinds.ts";
import { refusalOf } from "./plan.ts";
import { readinessOf, type Readiness } from "./ready.ts";
import { findReasons, type Reason } from "./reasons.ts";

/** How far one workload is. */
export interface WaitProgress extends Readiness {
  readonly workload: Workload;
  /** Empty while it is ready, and while nothing is known. */
  readonly reasons: readonly Reason[];
}

export interface WaitSettings {
  /** From `nowMs`' beginning: when to give up. */
  readonly deadlineMs: number;
  /** Called after every look, with all workloads in the order given. */
  readonly onProgress: (progress: readonly WaitProgress[]) => void;
  readonly nowMs: () => number;
  /** Resolves after the time, or rejects when the command is aborted. */
  readonly sleep: (ms: number) => Promise<void>;
  /** How long an image that cannot be pulled, and the like, may last before waiting ends early. */
  readonly hopelessGraceMs: number;
}

const pauseMs = 500;
/** Reasons cost three requests a workload, and in the first seconds there are none. */
const reasonsEveryMs = 3_000;

/**
 * Waits until every workload is ready, the deadline passes, or one is beyond hope for the time of grace.
 * Returns how far each is then: the caller looks whether all are ready.
 */
export async function waitUntilReady(
  client: ClusterClient,
  workloads: readonly Workload[],
  settings: WaitSettings,
): Promise<readonly WaitProgress[]> {
  const { nowMs } = settings;
  let reasonsAtMs = nowMs() + reasonsEveryMs;
  let hopelessSinceMs: number | undefined;
  let progress: readonly WaitProgress[] = [];
  for (;;) {
    const isLate = nowMs() >= settings.deadlineMs;
    const wantsReasons = isLate || nowMs() >= reasonsAtMs;
    progress = await look(client, workloads, wantsReasons ? undefined : progress);
    settings.onProgress(progress);
    if (progress.every(({ isReady }) => isReady) || isLate) return progress;
    if (wantsReasons) {
      reasonsAtMs = nowMs() + reasonsEveryMs;
      const isHopeless = progress.some(({ reasons }) => reasons.some((reason) => reason.isHopeless));
      hopelessSinceMs = isHopeless ? (hopelessSinceMs ?? nowMs()) : undefined;
      if (hopelessSinceMs !== undefined && nowMs() - hopelessSinceMs >= settings.hopelessGraceMs)
        return progress;
    }
    await settings.sleep(Math.max(1, Math.min(pauseMs, settings.deadlineMs - nowMs())));
  }
}

/** One look at all. `known` given = take the reasons from there instead of asking. */
async function look(
  client: ClusterClient,
  workloads: readonly Workload[],
  known: readonly WaitProgress[] | undefined,
): Promise<readonly WaitProgress[]> {
  return await Promise.all(
    workloads.map(async (workload, index) => {
      const path = objectPath(kindOf(workload), workload.metadata);
      const answer = await client.request({ method: "GET", path });
      if (answer.status !== 200) {
        const text = refusalOf(answer).message;
        return {
          workload,
          isReady: false,
          readyCount: 0,
          wantedCount: 1,
          reasons: [{ text, isHopeless: false }],
        };
      }
      const live = answer.body as LiveObject;
      const readiness = readinessOf(live);
      if (readiness.isReady) return { workload, ...readiness, reasons: [] };
      const reasons = known === undefined ? await findReasons(client, live) : (known[index]?.reasons ?? []);
      return { workload, ...readiness, reasons };
    }),
  );
}
