import type { StartedCluster } from "../parts/index.ts";

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly verbs: readonly string[];
  }[];
}

interface ObjectList {
  readonly items:
    | readonly {
        readonly metadata: {
          readonly name: string;
          readonly namespace?: string;
          readonly resourceVersion: string;
        };
      }[]
    | null;
}

/** They change by themselves: heartbeats, and events, which run out. */
const restless = new Set(["events", "leases", "nodes", "csinodes"]);

/**
 * Every object of the cluster with its resourceVersion, as `plural[.group] namespace/name`. Written apart from the installer's own
 * discovery, so that the two cannot share a mistake.
 */
export async function snapshotCluster(cluster: StartedCluster): Promise<ReadonlyMap<string, string>> {
  const groups = (
    await get<{ groups: { name: string; preferredVersion: { groupVersion: string } }[] }>(cluster, "/apis")
  ).groups;
  const roots = [
    { group: "", path: "/api/v1" },
    ...groups.map(({ name, preferredVersion }) => ({
      group: name,
      path: `/apis/${preferredVersion.groupVersion}`,
    })),
  ];
  const objects = new Map<string, string>();
  for (const { group, path } of roots) {
    const { resources } = await get<ResourceList>(cluster, path);
    const listable = resources.filter(
      ({ name, verbs }) => verbs.includes("list") && !name.includes("/") && !restless.has(name),
    );
    for (const { name } of listable) {
      const { items } = await get<ObjectList>(cluster, `${path}/${name}`);
      for (const { metadata } of items ?? []) {
        const kind = group === "" ? name : `${name}.${group}`;
        const where = metadata.namespace === undefined ? "" : `${metadata.namespace}/`;
        objects.set(`${kind} ${where}${metadata.name}`, metadata.resourceVersion);
      }
    }
  }
  return objects;
}

/** What is in `after` and not in `before`, sorted. */
export function added(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  return [...after.keys()].filter((name) => !before.has(name)).sort();
}

async function get<T>(cluster: StartedCluster, path: string): Promise<T> {
  const answer = await cluster.request({ path });
  if (answer.status !== 200) throw new Error(`GET ${path} was answered ${answer.status}: ${answer.text}`);
  return answer.json() as T;
}
