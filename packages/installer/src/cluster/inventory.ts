import { inventoryLabels } from "../manifest/index.ts";
import { InstallerError } from "../output/index.ts";
import type { ClusterAnswer, ClusterClient } from "./client.ts";
import type { LiveObject } from "./compare.ts";
import { listPath, writtenKinds, type Kind } from "./kinds.ts";
import { mapConcurrently, refusalOf } from "./plan.ts";
import { formatLabels } from "./selector.ts";

/** An object that was found, with its kind. */
export interface FoundObject extends Kind {
  readonly metadata: LiveObject["metadata"];
}

interface Discovery {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version: string;
      readonly resources?: readonly {
        readonly resource: string;
        readonly responseKind?: { readonly kind?: string };
        readonly scope?: string;
        readonly verbs?: readonly string[];
      }[];
    }[];
  }[];
}

/** Metadata is enough to know an object, and a hundredth of its size. */
const metadataOnly = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const aggregatedDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** They vanish by themselves, and every deletion makes new ones. */
const passingKinds = new Set(["Event", "PodMetrics", "NodeMetrics"]);

/**
 * Every kind that can be listed and deleted, each group in its preferred version.
 * @see https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery (stable since 1.30)
 */
export async function discoverKinds(client: ClusterClient): Promise<readonly Kind[]> {
  const roots = await Promise.all(
    ["/api", "/apis"].map((path) => client.request({ method: "GET", path, accept: aggregatedDiscovery })),
  );
  const kinds = new Map<string, Kind>();
  for (const answer of roots) {
    if (answer.status !== 200) throw refused("list the kinds of the cluster", refusalOf(answer).message);
    for (const group of (answer.body as Discovery).items ?? []) {
      const groupName = group.metadata?.name ?? "";
      // The first version is the preferred one; a later one adds only what the first lacks.
      for (const { version, resources } of group.versions ?? []) {
        for (const { resource, responseKind, scope, verbs } of resources ?? []) {
          const kind = responseKind?.kind ?? "";
          if (passingKinds.has(kind) || kinds.has(`${groupName}/${resource}`)) continue;
          if (!verbs?.includes("list") || !verbs.includes("delete")) continue;
          kinds.set(`${groupName}/${resource}`, {
            apiVersion: groupName === "" ? version : `${groupName}/${version}`,
            kind,
            plural: resource,
            isNamespaced: scope === "Namespaced",
          });
        }
      }
    }
  }
  return [...kinds.values()];
}

/** Everything of these kinds that carries the installation's labels, in the order of `kinds`. */
export async function listInventory(
  client: ClusterClient,
  kinds: readonly Kind[],
  instance: string,
): Promise<readonly FoundObject[]> {
  const query = `?labelSelector=${encodeURIComponent(formatLabels(inventoryLabels(instance)))}`;
  const lists = await mapConcurrently(kinds, (kind) => listKind(client, kind, `${listPath(kind)}${query}`));
  return lists.flat();
}

/** Everything in a namespace, whoever made it. */
export async function listNamespace(
  client: ClusterClient,
  kinds: readonly Kind[],
  namespace: string,
): Promise<readonly FoundObject[]> {
  const inside = kinds.filter(({ isNamespaced }) => isNamespaced);
  const lists = await mapConcurrently(inside, (kind) => listKind(client, kind, listPath(kind, namespace)));
  return lists.flat();
}

async function listKind(client: ClusterClient, kind: Kind, path: string): Promise<readonly FoundObject[]> {
  const answer = await client.request({ method: "GET", path, accept: metadataOnly });
  // The kind went away meanwhile, or has no such list.
  if (answer.status === 404 || answer.status === 405) return [];
  // What we never write, nobody need let us read.
  if (answer.status === 403 && !writtenKinds.some(({ plural }) => plural === kind.plural)) return [];
  if (answer.status !== 200) throw refused(`list ${kind.plural}`, refusalOf(answer).message);
  return itemsOf(answer).map(({ metadata }) => ({ ...kind, metadata }));
}

/** The objects of a list. An empty list of Go's may be null. */
export function itemsOf({ body }: ClusterAnswer): readonly LiveObject[] {
  return (body as { readonly items?: readonly LiveObject[] | null }).items ?? [];
}

function refused(what: string, message: string): InstallerError {
  return new InstallerError("QUARTET_CLUSTER_REFUSED", `the cluster refused to ${what}: ${message}`);
}
