import type { Manifest } from "../manifest/index.ts";
import type { ClusterClient } from "./client.ts";
import { listInventory, type FoundObject } from "./inventory.ts";
import { describeObject, writtenKinds } from "./kinds.ts";

/**
 * What an earlier run made and this one no longer renders, e.g. the Secret of an agent namespace that is no longer named.
 * Never a namespace: it may hold data, and `uninstall` looks inside before it deletes one.
 */
export async function findObsolete(
  client: ClusterClient,
  objects: readonly Manifest[],
  instance: string,
): Promise<readonly FoundObject[]> {
  const wanted = new Set(objects.map(describeObject));
  const kinds = writtenKinds.filter(({ kind }) => kind !== "Namespace");
  const found = await listInventory(client, kinds, instance);
  return found.filter(
    (object) =>
      (object.metadata.ownerReferences ?? []).length === 0 &&
      object.metadata.deletionTimestamp === undefined &&
      !wanted.has(describeObject(object)),
  );
}
