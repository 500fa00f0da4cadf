import { expect, test } from "vitest";
import type { LiveObject } from "./compare.ts";
import { readinessOf } from "./ready.ts";

function live(kind: string, spec: object, status: object, generation = 2): LiveObject {
  return { apiVersion: "apps/v1", kind, metadata: { name: "x", generation }, spec, status };
}

const deployment = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };
const statefulSet = {
  observedGeneration: 2,
  replicas: 1,
  availableReplicas: 1,
  currentRevision: "b",
  updateRevision: "b",
};
const daemonSet = {
  observedGeneration: 2,
  desiredNumberScheduled: 3,
  updatedNumberScheduled: 3,
  numberAvailable: 3,
};

test.each<[string, LiveObject, boolean]>([
  [
    "a Deployment with all replicas updated and available",
    live("Deployment", { replicas: 2 }, deployment),
    true,
  ],
  [
    "a Deployment whose status is older than its specification",
    live("Deployment", { replicas: 2 }, deployment, 3),
    false,
  ],
  ["a Deployment that no controller has seen", live("Deployment", { replicas: 2 }, {}), false],
  [
    "a Deployment with a replica missing",
    live("Deployment", { replicas: 2 }, { ...deployment, availableReplicas: 1 }),
    false,
  ],
  [
    "a Deployment with a pod of the old revision",
    live("Deployment", { replicas: 2 }, { ...deployment, replicas: 3 }),
    false,
  ],
  ["a StatefulSet with its pod available", live("StatefulSet", { replicas: 1 }, statefulSet), true],
  [
    "a StatefulSet in the middle of a rollout",
    live("StatefulSet", { replicas: 1 }, { ...statefulSet, currentRevision: "a" }),
    false,
  ],
  [
    "a StatefulSet without its pod",
    live("StatefulSet", { replicas: 1 }, { ...statefulSet, availableReplicas: 0 }),
    false,
  ],
  ["a DaemonSet with its pod on every node", live("DaemonSet", {}, daemonSet), true],
  [
    "a DaemonSet on a cluster without nodes",
    live("DaemonSet", {}, { observedGeneration: 2, desiredNumberScheduled: 0 }),
    true,
  ],
  [
    "a DaemonSet with an old pod on one node",
    live("DaemonSet", {}, { ...daemonSet, updatedNumberScheduled: 2 }),
    false,
  ],
  ["a DaemonSet that no controller has seen", live("DaemonSet", {}, { desiredNumberScheduled: 0 }), false],
])("%s", (_name, object, isReady) => {
  expect(readinessOf(object).isReady).toBe(isReady);
});

test("the counts are those that a person expects", () => {
  const object = live("DaemonSet", {}, { ...daemonSet, numberAvailable: 1 });
  expect(readinessOf(object)).toEqual({ isReady: false, readyCount: 1, wantedCount: 3 });
});
