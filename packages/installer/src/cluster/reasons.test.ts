import { expect, test } from "vitest";
import type { LiveObject } from "./compare.ts";
import { explainWorkload, type ClusterEvent } from "./reasons.ts";

const workload: LiveObject = {
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { name: "quartet-collector", namespace: "quartet" },
};

function pod(status: object): LiveObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "quartet-collector-0" }, status };
}

function explain(found: {
  readonly pods?: readonly LiveObject[];
  readonly claims?: readonly LiveObject[];
  readonly events?: readonly ClusterEvent[];
  readonly workload?: LiveObject;
}): readonly string[] {
  const reasons = explainWorkload({ workload, pods: [], claims: [], events: [], ...found });
  return reasons.map(({ text, isHopeless }) => (isHopeless ? `hopeless: ${text}` : text));
}

test("a pod that no node takes: the scheduler's own words", () => {
  const message = "0/3 nodes are available: 3 Insufficient memory.";
  const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }];
  expect(explain({ pods: [pod({ phase: "Pending", conditions })] })).toEqual([
    `Pod quartet-collector-0 is not scheduled: ${message}`,
  ]);
});

test("an image that cannot be pulled is beyond hope", () => {
  const waiting = { reason: "ImagePullBackOff", message: 'Back-off pulling image "x"' };
  expect(
    explain({ pods: [pod({ containerStatuses: [{ name: "collector", state: { waiting } }] })] }),
  ).toEqual([
    'hopeless: Pod quartet-collector-0, container collector: ImagePullBackOff: Back-off pulling image "x"',
  ]);
});

test("a container that ends again and again: how it ended", () => {
  const container = {
    name: "collector",
    state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } },
    lastState: { terminated: { reason: "OOMKilled", exitCode: 137 } },
  };
  expect(explain({ pods: [pod({ containerStatuses: [container] })] })).toEqual([
    "Pod quartet-collector-0, container collector: CrashLoopBackOff (ended with OOMKilled, exit code 137): back-off 10s",
  ]);
});

test("an init container is looked at as well", () => {
  const init = {
    name: "copy",
    state: { waiting: { reason: "CreateContainerConfigError", message: 'secret "x" not found' } },
  };
  expect(explain({ pods: [pod({ initContainerStatuses: [init] })] })).toEqual([
    'hopeless: Pod quartet-collector-0, container copy: CreateContainerConfigError: secret "x" not found',
  ]);
});

test("a container that runs and is not ready: what its probe got", () => {
  const event = {
    type: "Warning",
    reason: "Unhealthy",
    message: "Readiness probe failed: HTTP probe failed with statuscode: 503",
    involvedObject: { kind: "Pod", name: "quartet-collector-0" },
  };
  const pods = [pod({ containerStatuses: [{ name: "collector", ready: false, state: { running: {} } }] })];
  expect(explain({ pods, events: [event] })).toEqual([
    "Pod quartet-collector-0, container collector: runs and is not ready: Readiness probe failed: HTTP probe failed with statuscode: 503",
  ]);
});

test("a claim without a volume comes before the pod that waits for it", () => {
  // Objects of a list carry no kind.
  const claim = { metadata: { name: "data-quartet-collector-0" }, status: { phase: "Pending" } };
  const event = {
    type: "Warning",
    reason: "ProvisioningFailed",
    message: 'storageclass.storage.k8s.io "fast" not found',
    involvedObject: { kind: "PersistentVolumeClaim", name: "data-quartet-collector-0" },
  };
  expect(explain({ claims: [claim as unknown as LiveObject], events: [event] })).toEqual([
    'PersistentVolumeClaim data-quartet-collector-0 is not bound: storageclass.storage.k8s.io "fast" not found',
  ]);
});

test("no pod at all: what a quota or a webhook said", () => {
  const event = {
    type: "Warning",
    reason: "FailedCreate",
    message: 'pods "quartet-collector-0" is forbidden: exceeded quota',
    involvedObject: { kind: "StatefulSet", name: "quartet-collector" },
  };
  expect(explain({ events: [event] })).toEqual([
    'StatefulSet quartet-collector cannot make its pods: pods "quartet-collector-0" is forbidden: exceeded quota',
  ]);
  const status = { conditions: [{ type: "ReplicaFailure", status: "True", message: "exceeded quota" }] };
  expect(explain({ workload: { ...workload, status } })).toEqual([
    "StatefulSet quartet-collector: exceeded quota",
  ]);
});

test("a pod that is ready, and one that is just being made, give no reason", () => {
  expect(
    explain({ pods: [pod({ containerStatuses: [{ name: "c", ready: true, state: { running: {} } }] })] }),
  ).toEqual([]);
  expect(
    explain({
      pods: [pod({ containerStatuses: [{ name: "c", state: { waiting: { reason: "PodInitializing" } } }] })],
    }),
  ).toEqual([]);
  expect(explain({})).toEqual([]);
});
