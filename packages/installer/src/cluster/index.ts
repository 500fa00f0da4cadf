export { applyPlan, assertPlan } from "./apply.ts";
export type { ClusterClient } from "./client.ts";
export { connectCluster } from "./connection.ts";
export { itemsOf } from "./inventory.ts";
export { describeObject, groupOf, writtenKinds } from "./kinds.ts";
export { mapConcurrently, planObjects, refusalOf } from "./plan.ts";
export { findObsolete } from "./prune.ts";
export { deleteObject, removeInstallation, type Removal } from "./remove.ts";
export { waitUntilReady, type WaitProgress } from "./wait.ts";
