import { expect, test } from "vitest";
import { buildManifest, isWorkload } from "../manifest/index.ts";
import { settingsDefault, testContext } from "../manifest/test-context.ts";
import type { ClusterAnswer, ClusterClient } from "./client.ts";
import { waitUntilReady, type WaitProgress } from "./wait.ts";

const workloads = buildManifest(testContext(settingsDefault))
  .flatMap(({ objects }) => objects)
  .filter(isWorkload)
  .filter(({ kind }) => kind === "StatefulSet")
  .slice(0, 1);

/** A cluster whose one pod is in the given state, ready from `readyAtMs` on; time passes only in `sleep`. */
function simulate(cluster: { readonly readyAtMs: number; readonly waitingReason?: string }): {
  wait(timeoutMs: number): Promise<{ readonly last: WaitProgress | undefined; readonly timeMs: number }>;
  readonly podRequestCount: () => number;
} {
  let timeMs = 0;
  let podRequestCount = 0;
  const answer = (path: string): unknown => {
    if (path.includes("/pods")) {
      podRequestCount += 1;
      const waiting = { reason: cluster.waitingReason ?? "ContainerCreating" };
      return {
        items: [
          { metadata: { name: "pod-0" }, status: { containerStatuses: [{ name: "c", state: { waiting } }] } },
        ],
      };
    }
    // An empty list of Go's.
    if (!path.includes("/statefulsets/")) return { items: null };
    const isReady = timeMs >= cluster.readyAtMs;
    return {
      kind: "StatefulSet",
      metadata: { name: "x", namespace: "quartet", generation: 1 },
      spec: { replicas: 1, selector: { matchLabels: { a: "b" } } },
      status: { observedGeneration: 1, availableReplicas: isReady ? 1 : 0 },
    };
  };
  const client: ClusterClient = {
    target: { source: "", context: "", address: "" },
    request: async ({ path }): Promise<ClusterAnswer> => ({ status: 200, body: answer(path), warnings: [] }),
    counts: () => ({ reads: 0, dryRuns: 0, writes: 0 }),
    close: async () => undefined,
  };
  return {
    podRequestCount: () => podRequestCount,
    async wait(timeoutMs) {
      const progress = await waitUntilReady(client, workloads, {
        deadlineMs: timeoutMs,
        hopelessGraceMs: 60_000,
        onProgress: () => undefined,
        nowMs: () => timeMs,
        sleep: async (ms) => {
          timeMs += ms;
        },
      });
      return { last: progress[0], timeMs };
    },
  };
}

test("waiting ends when the workload is ready", async () => {
  const { last, timeMs } = await simulate({ readyAtMs: 20_000 }).wait(600_000);
  expect(last).toMatchObject({ isReady: true, readyCount: 1, reasons: [] });
  expect(timeMs).toBeLessThan(21_000);
});

test("what is ready at once asks for no pod", async () => {
  const cluster = simulate({ readyAtMs: 0 });
  await cluster.wait(600_000);
  expect(cluster.podRequestCount()).toBe(0);
});

test("at the deadline it says why, having asked for reasons every few seconds only", async () => {
  const cluster = simulate({ readyAtMs: Infinity });
  const { last, timeMs } = await cluster.wait(30_000);
  expect(timeMs).toBe(30_000);
  expect(last?.reasons.map(({ text }) => text)).toEqual(["Pod pod-0, container c: ContainerCreating"]);
  expect(cluster.podRequestCount()).toBeLessThanOrEqual(11);
});

test("an image that cannot be pulled ends the wait after the time of grace", async () => {
  const { last, timeMs } = await simulate({ readyAtMs: Infinity, waitingReason: "ImagePullBackOff" }).wait(
    600_000,
  );
  expect(last?.isReady).toBe(false);
  expect(timeMs).toBeGreaterThanOrEqual(60_000);
  expect(timeMs).toBeLessThan(70_000);
});

test("an image that is pulled within the time of grace is no reason to give up", async () => {
  const { last } = await simulate({ readyAtMs: 50_000, waitingReason: "ErrImagePull" }).wait(600_000);
  expect(last?.isReady).toBe(true);
});
