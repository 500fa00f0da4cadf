import type { LiveObject } from "./compare.ts";

/** How far a workload is. `isReady` only when its newest revision runs everywhere it should. */
export interface Readiness {
  readonly isReady: boolean;
  readonly readyCount: number;
  readonly wantedCount: number;
}

interface WorkloadStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly availableReplicas?: number;
  readonly currentRevision?: string;
  readonly updateRevision?: string;
  readonly desiredNumberScheduled?: number;
  readonly updatedNumberScheduled?: number;
  readonly numberAvailable?: number;
}

/**
 * Reads readiness out of a Deployment, StatefulSet or DaemonSet.
 * A status that is older than the specification (observedGeneration) says nothing.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
 */
export function readinessOf(live: LiveObject): Readiness {
  const status = (live["status"] ?? {}) as WorkloadStatus;
  const spec = (live["spec"] ?? {}) as { readonly replicas?: number };
  const isObserved = (status.observedGeneration ?? 0) >= (live.metadata.generation ?? 0);
  switch (live.kind) {
    case "DaemonSet": {
      const wantedCount = status.desiredNumberScheduled ?? 0;
      const readyCount = status.numberAvailable ?? 0;
      const isUpdated = (status.updatedNumberScheduled ?? 0) >= wantedCount;
      return { isReady: isObserved && isUpdated && readyCount >= wantedCount, readyCount, wantedCount };
    }
    case "StatefulSet": {
      const wantedCount = spec.replicas ?? 1;
      const readyCount = status.availableReplicas ?? 0;
      const isUpdated =
        status.updateRevision === undefined || status.currentRevision === status.updateRevision;
      return { isReady: isObserved && isUpdated && readyCount >= wantedCount, readyCount, wantedCount };
    }
    default: {
      const wantedCount = spec.replicas ?? 1;
      const readyCount = status.availableReplicas ?? 0;
      // More replicas than updated ones: pods of the old revision still run.
      const isUpdated =
        (status.updatedReplicas ?? 0) >= wantedCount &&
        (status.replicas ?? 0) === (status.updatedReplicas ?? 0);
      return { isReady: isObserved && isUpdated && readyCount >= wantedCount, readyCount, wantedCount };
    }
  }
}
