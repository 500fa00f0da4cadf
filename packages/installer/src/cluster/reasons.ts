import { selectorOf } from "./selector.ts";
import type { ClusterClient } from "./client.ts";
import type { LiveObject } from "./compare.ts";
import { itemsOf } from "./inventory.ts";
import { claimKind, listPath } from "./kinds.ts";

/** Why a workload is not ready. */
export interface Reason {
  /** One line, beginning with the object it is about. */
  readonly text: string;
  /** Waiting alone will not mend it: the image cannot be pulled, or the container cannot be made. */
  readonly isHopeless: boolean;
}

interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number; readonly message?: string };
  };
  readonly lastState?: {
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number };
  };
}

interface PodStatus {
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly conditions?: readonly Condition[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface ClusterEvent {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject: { readonly kind?: string; readonly name?: string };
}

const hopelessReasons = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "CreateContainerConfigError",
  "CreateContainerError",
]);

/** Asks for the pods, claims and events of one workload and says what keeps it from being ready; [] when nothing is known. */
export async function findReasons(client: ClusterClient, workload: LiveObject): Promise<readonly Reason[]> {
  const { namespace } = workload.metadata;
  const query = `?labelSelector=${encodeURIComponent(selectorOf(workload))}`;
  const pods = await list(client, `/api/v1/namespaces/${namespace}/pods${query}`);
  const claims = await list(client, `${listPath(claimKind, namespace)}${query}`);
  const events = await list(client, `/api/v1/namespaces/${namespace}/events?limit=500`);
  return explainWorkload({
    workload,
    pods,
    claims,
    events: events as readonly unknown[] as readonly ClusterEvent[],
  });
}

async function list(client: ClusterClient, path: string): Promise<readonly LiveObject[]> {
  const answer = await client.request({ method: "GET", path });
  // Who may not read events still learns what pods say.
  if (answer.status !== 200) return [];
  return itemsOf(answer);
}

/** The reasons out of what was read. Pure. */
export function explainWorkload(found: {
  readonly workload: LiveObject;
  readonly pods: readonly LiveObject[];
  readonly claims: readonly LiveObject[];
  readonly events: readonly ClusterEvent[];
}): readonly Reason[] {
  const { workload, pods, claims, events } = found;
  const pending = claims.filter((claim) => phaseOf(claim) === "Pending");
  const aboutClaims = pending.map((claim) => ({
    text: `PersistentVolumeClaim ${claim.metadata.name} is not bound${suffix(lastWarning(events, claim))}`,
    isHopeless: false,
  }));
  const aboutPods = pods.flatMap((pod) => explainPod(pod, events));
  if (aboutPods.length > 0 || aboutClaims.length > 0) return [...aboutClaims, ...aboutPods];
  if (pods.length > 0) return [];
  return explainMissingPods(workload, events);
}

function explainPod(pod: LiveObject, events: readonly ClusterEvent[]): readonly Reason[] {
  const status = (pod["status"] ?? {}) as PodStatus;
  const { name } = pod.metadata;
  if (status.phase === "Failed") {
    return [
      {
        text: `Pod ${name} failed: ${status.reason ?? ""} ${status.message ?? ""}`.trim(),
        isHopeless: false,
      },
    ];
  }
  const unscheduled = status.conditions?.find(
    (condition) => condition.type === "PodScheduled" && condition.status === "False",
  );
  if (unscheduled !== undefined) {
    return [
      {
        text: `Pod ${name} is not scheduled: ${unscheduled.message ?? unscheduled.reason ?? "no reason given"}`,
        isHopeless: false,
      },
    ];
  }
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return containers.flatMap((container) => explainContainer(pod, container, events));
}

function explainContainer(
  pod: LiveObject,
  container: ContainerStatus,
  events: readonly ClusterEvent[],
): readonly Reason[] {
  const where = `Pod ${pod.metadata.name}, container ${container.name}`;
  const waiting = container.state?.waiting;
  const ended = container.state?.terminated ?? container.lastState?.terminated;
  if (waiting?.reason !== undefined && waiting.reason !== "PodInitializing") {
    const last =
      ended === undefined
        ? ""
        : ` (ended with ${ended.reason ?? "no reason"}, exit code ${ended.exitCode ?? "?"})`;
    const message = waiting.message ?? lastWarning(events, pod);
    return [
      {
        text: `${where}: ${waiting.reason}${last}${suffix(message)}`,
        isHopeless: hopelessReasons.has(waiting.reason),
      },
    ];
  }
  const terminated = container.state?.terminated;
  if (terminated !== undefined && terminated.exitCode !== 0) {
    return [
      {
        text: `${where}: ended with ${terminated.reason ?? "no reason"}, exit code ${terminated.exitCode ?? "?"}${suffix(terminated.message)}`,
        isHopeless: false,
      },
    ];
  }
  if (container.ready === true || waiting !== undefined || terminated !== undefined) return [];
  return [{ text: `${where}: runs and is not ready${suffix(lastWarning(events, pod))}`, isHopeless: false }];
}

/** Quotas, webhooks and security standards refuse pods before they exist; only events and conditions tell. */
function explainMissingPods(workload: LiveObject, events: readonly ClusterEvent[]): readonly Reason[] {
  const status = (workload["status"] ?? {}) as { readonly conditions?: readonly Condition[] };
  const failure = status.conditions?.find(
    ({ type, status: value }) => type === "ReplicaFailure" && value === "True",
  );
  if (failure?.message !== undefined) {
    return [{ text: `${workload.kind} ${workload.metadata.name}: ${failure.message}`, isHopeless: false }];
  }
  // A Deployment's pods are made by its ReplicaSet, whose name begins with the Deployment's.
  const refused = events.findLast(
    (event) =>
      event.reason === "FailedCreate" && (event.involvedObject.name ?? "").startsWith(workload.metadata.name),
  );
  if (refused === undefined) return [];
  return [
    {
      text: `${workload.kind} ${workload.metadata.name} cannot make its pods${suffix(refused.message)}`,
      isHopeless: false,
    },
  ];
}

function lastWarning(events: readonly ClusterEvent[], object: LiveObject): string | undefined {
  const kind = object.kind ?? undefined;
  return events.findLast(
    (event) =>
      event.type === "Warning" &&
      event.involvedObject.name === object.metadata.name &&
      // Objects of a list carry no kind.
      (kind === undefined || event.involvedObject.kind === kind),
  )?.message;
}

function suffix(message: string | undefined): string {
  return message === undefined || message === "" ? "" : `: ${message.trim().split("\n")[0]}`;
}

function phaseOf(object: LiveObject): string | undefined {
  return (object["status"] as { readonly phase?: string } | undefined)?.phase;
}
