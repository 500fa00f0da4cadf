export { applyPlan, assertPlan, type AppliedObject } from "./apply.ts";
export type { ClusterAnswer, ClusterClient, ClusterRequest, RequestCounts } from "./client.ts";
export { connectCluster, type ConnectSettings } from "./connection.ts";
export { describeObject, groupOf, writtenKinds, type Kind } from "./kinds.ts";
export { mapConcurrently, planObjects, refusalOf } from "./plan.ts";
export { deleteObject, removeInstallation, type Removal } from "./remove.ts";
export { findObsolete } from "./prune.ts";
export { itemsOf, type FoundObject } from "./inventory.ts";
export { waitUntilReady, type WaitProgress } from "./wait.ts";
