import { inventoryLabels, type Manifest } from "../manifest/index.ts";
import type { ClusterAnswer, ClusterClient } from "./client.ts";
import { isChanged, type LiveObject } from "./compare.ts";
import { applyQuery, kindOf, objectPath } from "./kinds.ts";

export interface FieldConflict {
  /** As the API server writes it, e.g. `.spec.replicas`. */
  readonly field: string;
  /** Who owns it. */
  readonly manager: string;
}

/** What an apply of one object would do. */
export type PlannedObject = { readonly object: Manifest } & (
  | { readonly kind: "create" }
  | { readonly kind: "configure" }
  | { readonly kind: "unchanged" }
  /** Somebody else owns fields that we would change. */
  | { readonly kind: "conflict"; readonly conflicts: readonly FieldConflict[] }
  /** An object of this name is there and not ours. */
  | { readonly kind: "foreign" }
  /** It is being deleted: wait and run again. */
  | { readonly kind: "terminating" }
  /** The API server refuses it, e.g. because a field cannot change. */
  | { readonly kind: "refused"; readonly status: number; readonly message: string }
);

/** Requests under way at once: an API server counts them per client. */
const concurrencyMax = 8;

/**
 * Compares every object with the cluster, writing nothing: a GET, and a dry run of the apply where the object exists.
 * The order of the result is that of `objects`.
 */
export async function planObjects(
  client: ClusterClient,
  objects: readonly Manifest[],
  options: { readonly instance: string; readonly isForced: boolean },
): Promise<readonly PlannedObject[]> {
  return await mapConcurrently(objects, (object) => planObject(client, object, options));
}

async function planObject(
  client: ClusterClient,
  object: Manifest,
  options: { readonly instance: string; readonly isForced: boolean },
): Promise<PlannedObject> {
  const path = objectPath(kindOf(object), object.metadata);
  const found = await client.request({ method: "GET", path });
  if (found.status === 404) return { kind: "create", object };
  if (found.status !== 200) return { kind: "refused", object, ...refusalOf(found) };
  const live = found.body as LiveObject;
  if (!isOurs(live, options.instance)) return { kind: "foreign", object };
  if (live.metadata.deletionTimestamp !== undefined) return { kind: "terminating", object };
  const answer = await applyObject(client, object, { isDryRun: true, isForced: options.isForced });
  if (answer.status === 409) return { kind: "conflict", object, conflicts: conflictsOf(answer) };
  if (answer.status !== 200) return { kind: "refused", object, ...refusalOf(answer) };
  return { kind: isChanged(live, answer.body as LiveObject) ? "configure" : "unchanged", object };
}

/** One server-side apply. */
export function applyObject(
  client: ClusterClient,
  object: Manifest,
  options: { readonly isDryRun: boolean; readonly isForced: boolean },
): Promise<ClusterAnswer> {
  return client.request({
    method: "PATCH",
    path: `${objectPath(kindOf(object), object.metadata)}?${applyQuery(options)}`,
    // JSON is YAML. @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
    contentType: "application/apply-patch+yaml",
    body: object,
  });
}

interface Status {
  readonly message?: string;
  readonly details?: {
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
  };
}

/** The fields and their owners of a 409 answer. */
export function conflictsOf({ body }: ClusterAnswer): readonly FieldConflict[] {
  const causes = (body as Status | undefined)?.details?.causes ?? [];
  return causes
    .filter(({ reason }) => reason === "FieldManagerConflict")
    .map(({ field, message }) => ({
      field: field ?? "?",
      manager: /conflict with "([^"]*)"/.exec(message ?? "")?.[1] ?? message ?? "?",
    }));
}

/** Status and message of an answer that is no success. */
export function refusalOf(answer: ClusterAnswer): { readonly status: number; readonly message: string } {
  const message = (answer.body as Status | undefined)?.message ?? `HTTP status ${answer.status}`;
  return { status: answer.status, message };
}

function isOurs(live: LiveObject, instance: string): boolean {
  return Object.entries(inventoryLabels(instance)).every(
    ([label, value]) => live.metadata.labels?.[label] === value,
  );
}

/** Like Promise.all over a map, with at most `concurrencyMax` calls under way. Ends with the first failure. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  call: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await call(item);
  };
  await Promise.all(Array.from({ length: Math.min(concurrencyMax, items.length) }, worker));
  return results;
}
