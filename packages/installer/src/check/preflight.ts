import {
  groupOf,
  itemsOf,
  mapConcurrently,
  refusalOf,
  writtenKinds,
  type ClusterClient,
} from "../cluster/index.ts";
import {
  collectorImageDefault,
  inventoryLabels,
  nodeNamespaceOf,
  type InstallSettings,
} from "../manifest/index.ts";
import type { Check, CheckOutcome } from "./check.ts";

const passed: CheckOutcome = { kind: "passed" };
/** Aggregated discovery and server-side field validation are stable from here on. */
const minorVersionMin = 30;

/** What must hold before an installation. The order is that of need: an old API server may answer later checks wrongly. */
export function preflightChecks(client: ClusterClient, settings: InstallSettings): readonly Check[] {
  return [
    {
      description: `Kubernetes is 1.${minorVersionMin} or later`,
      hint: "upgrade the cluster",
      severity: "fatal",
      deadlineMs: 0,
      run: () => checkVersion(client),
    },
    {
      description: "you may create and change every kind that Quartet writes",
      hint: "use a context of a cluster administrator, or ask one for these rights",
      severity: "fatal",
      deadlineMs: 0,
      run: () => checkRights(client, settings),
    },
    {
      description: "the namespaces are free or Quartet's own",
      hint: "choose others with --namespace; Quartet enforces a security standard that could stop what runs there",
      severity: "fatal",
      // A namespace that an uninstall has just deleted takes a while to go.
      deadlineMs: 10_000,
      run: () => checkNamespaces(client, settings),
    },
    {
      description: "the namespaces named with --agent-namespace exist",
      hint: "create them first, or leave the flag away",
      severity: "fatal",
      deadlineMs: 0,
      run: () => checkAgentNamespaces(client, settings),
    },
    {
      description: "a storage class makes volumes for the data",
      hint: "name one with --storage-class, or mark one as the default class",
      severity: "fatal",
      deadlineMs: 0,
      run: () => checkStorageClass(client, settings),
    },
    {
      description: "the collector's image can be pulled",
      hint: "build it with packages/collector/Dockerfile, push it where the cluster pulls from, and name it with --collector-image",
      severity: "warning",
      deadlineMs: 0,
      run: async () => checkCollectorImage(settings),
    },
  ];
}

async function checkVersion(client: ClusterClient): Promise<CheckOutcome> {
  const answer = await client.request({ method: "GET", path: "/version" });
  if (answer.status !== 200) return found(refusalOf(answer).message);
  const version = answer.body as {
    readonly major?: string;
    readonly minor?: string;
    readonly gitVersion?: string;
  };
  // Some clouds write the minor version as "30+".
  const minor = Number.parseInt(version.minor ?? "", 10);
  if (Number(version.major) > 1 || minor >= minorVersionMin) return passed;
  return found(`the API server is ${version.gitVersion ?? "of an unknown version"}`);
}

/** @see https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access */
async function checkRights(client: ClusterClient, { namespace }: InstallSettings): Promise<CheckOutcome> {
  const asked = writtenKinds.flatMap((kind) =>
    (["create", "patch"] as const).map((verb) => ({ kind, verb })),
  );
  const missing = await mapConcurrently(asked, async ({ kind, verb }) => {
    const answer = await client.request({
      method: "POST",
      path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: {
          resourceAttributes: {
            group: groupOf(kind.apiVersion),
            resource: kind.plural,
            verb,
            ...(kind.isNamespaced ? { namespace } : {}),
          },
        },
      },
    });
    const status = (answer.body as { readonly status?: { readonly allowed?: boolean } } | undefined)?.status;
    return status?.allowed === true ? [] : [`${verb} ${kind.plural}`];
  });
  const list = missing.flat();
  return list.length === 0 ? passed : found(`you may not ${list.join(", ")}`);
}

async function checkNamespaces(client: ClusterClient, { namespace }: InstallSettings): Promise<CheckOutcome> {
  const problems: string[] = [];
  let isPassing = false;
  for (const name of [namespace, nodeNamespaceOf(namespace)]) {
    const answer = await client.request({ method: "GET", path: `/api/v1/namespaces/${name}` });
    if (answer.status === 404) continue;
    if (answer.status !== 200) return found(refusalOf(answer).message);
    const { metadata } = answer.body as {
      readonly metadata: {
        readonly labels?: Readonly<Record<string, string>>;
        readonly deletionTimestamp?: string;
      };
    };
    if (metadata.deletionTimestamp !== undefined) {
      isPassing = true;
      problems.push(`${name} is being deleted`);
      continue;
    }
    const isOurs = Object.entries(inventoryLabels(namespace)).every(
      ([label, value]) => metadata.labels?.[label] === value,
    );
    if (!isOurs) problems.push(`${name} exists and was not made by this installation`);
  }
  return problems.length === 0 ? passed : { kind: "found", problem: problems.join("; "), isPassing };
}

async function checkAgentNamespaces(
  client: ClusterClient,
  { agentNamespaces, namespace }: InstallSettings,
): Promise<CheckOutcome> {
  const others = agentNamespaces.filter((name) => name !== namespace);
  const missing = await mapConcurrently(others, async (name) => {
    const answer = await client.request({ method: "GET", path: `/api/v1/namespaces/${name}` });
    return answer.status === 200 ? [] : [name];
  });
  const list = missing.flat();
  return list.length === 0 ? passed : found(`there is no namespace ${list.join(", ")}`);
}

async function checkStorageClass(
  client: ClusterClient,
  { storageClass }: InstallSettings,
): Promise<CheckOutcome> {
  const answer = await client.request({ method: "GET", path: "/apis/storage.k8s.io/v1/storageclasses" });
  if (answer.status !== 200) return found(refusalOf(answer).message);
  const items = itemsOf(answer);
  const names = items.map(({ metadata }) => metadata.name);
  const list = names.length === 0 ? "there is none" : `there is ${names.join(", ")}`;
  if (storageClass !== undefined) {
    return names.includes(storageClass) ? passed : found(`there is no class ${storageClass} (${list})`);
  }
  const hasDefault = items.some(
    ({ metadata }) => metadata.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true",
  );
  return hasDefault ? passed : found(`no class is the default one (${list})`);
}

function checkCollectorImage({ collectorImage, registry, version }: InstallSettings): CheckOutcome {
  if (collectorImage !== undefined || registry !== undefined) return passed;
  return found(`${collectorImageDefault(version)} is published nowhere and must be on every node already`);
}

function found(problem: string): CheckOutcome {
  return { kind: "found", problem };
}
