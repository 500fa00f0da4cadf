import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { freePort, openTempDir, until, type StartedProcess } from "../support/index.ts";
import { startApiServer, startControllers, startEtcd } from "./cluster-processes.ts";
import { requestCluster, type ClusterAnswer, type ClusterRequest } from "./cluster-request.ts";

export interface ClusterSettings {
  /** How many simulated nodes, named node-0, node-1, …; each has 8 CPUs, 32 GiB and room for 110 pods. */
  readonly nodes: number;
  /** More flags of the API server, e.g. for an audit log. */
  readonly apiServerFlags?: readonly string[];
}

export interface StartedCluster extends AsyncDisposable {
  /** A kubeconfig (JSON, which is YAML) of a cluster administrator; its context is called `quartet-test`. */
  readonly kubeconfigPath: string;
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** The administrator's bearer token. */
  readonly token: string;
  /** The certificate (PEM) that the API server's own is signed by. */
  readonly certificateAuthority: string;
  readonly pids: readonly number[];
  /** One request as administrator, e.g. `{ path: "/api/v1/nodes" }`. Every status is an answer, none an error. */
  request(request: ClusterRequest): Promise<ClusterAnswer>;
  stop(): Promise<void>;
}

/** The parts that a cluster needs, for `describeWithParts`. */
export const clusterParts = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
] as const;

const readyDeadlineMs = 120_000;
/** Nothing in it outlives the test, so nobody waits for watches to drain. */
const graceMs = 3_000;

/**
 * Starts a cluster on free loopback ports: etcd, API server, controller manager, scheduler and kwok, which plays the nodes and
 * their pods. Resolves when `/readyz` says ok, the nodes take pods, and the default StorageClass and service account are there.
 */
export async function startCluster({ nodes, apiServerFlags = [] }: ClusterSettings): Promise<StartedCluster> {
  const folder = await openTempDir("cluster");
  const started: StartedProcess[] = [];
  const stop = async (): Promise<void> => {
    // Backwards: an API server whose etcd is gone lingers on its port for a minute.
    for (const part of started.toReversed()) await part.stop({ graceMs });
    await folder.remove();
  };
  try {
    const { path: dir } = folder;
    const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
    const url = `https://127.0.0.1:${port}`;
    const token = randomBytes(16).toString("hex");
    await writeSecrets(dir, token);
    started.push(await startEtcd({ dir, clientPort, peerPort }));
    const certificateFile = join(dir, "certs", "apiserver.crt");
    const request = (asked: ClusterRequest): Promise<ClusterAnswer> =>
      requestCluster(asked, { url, token, certificateAuthority: readFileSync(certificateFile, "utf8") });
    started.push(await startApiServer({ dir, clientPort, port, apiServerFlags, request }));
    const certificateAuthority = readFileSync(certificateFile, "utf8");
    const kubeconfigPath = join(dir, "kubeconfig");
    await writeFile(kubeconfigPath, JSON.stringify(buildKubeconfig({ url, token, certificateAuthority })));
    started.push(...(await startControllers({ dir, kubeconfigPath })));
    await createBasics(request, nodes);
    await until(() => takesPods(request, nodes), {
      deadlineMs: readyDeadlineMs,
      what: "the cluster to take pods",
    });
    const stopCluster = async (): Promise<void> => {
      if (started.some((part) => part.exit() === undefined)) await removeHostPathVolumes(request);
      await stop();
    };
    return {
      kubeconfigPath,
      url,
      token,
      certificateAuthority,
      pids: started.map(({ pid }) => pid),
      request,
      stop: stopCluster,
      [Symbol.asyncDispose]: stopCluster,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function writeSecrets(dir: string, token: string): Promise<void> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  await mkdir(join(dir, "kwok"));
  await writeFile(join(dir, "sa.pub"), publicKey);
  await writeFile(join(dir, "sa.key"), privateKey, { mode: 0o600 });
  await writeFile(join(dir, "tokens.csv"), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
}

function buildKubeconfig({
  url,
  token,
  certificateAuthority,
}: Pick<StartedCluster, "url" | "token" | "certificateAuthority">): Record<string, unknown> {
  const name = "quartet-test";
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [
      {
        name,
        cluster: {
          server: url,
          "certificate-authority-data": Buffer.from(certificateAuthority).toString("base64"),
        },
      },
    ],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name, context: { cluster: name, user: "admin" } }],
  };
}

async function createBasics(request: StartedCluster["request"], nodeCount: number): Promise<void> {
  const resources = { cpu: "8", memory: "32Gi", pods: "110", "ephemeral-storage": "100Gi" };
  const storageClass = {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: {
      name: "standard",
      annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
    },
    provisioner: "kubernetes.io/host-path",
    reclaimPolicy: "Delete",
  };
  await create(request, "/apis/storage.k8s.io/v1/storageclasses", storageClass);
  for (let index = 0; index < nodeCount; index += 1) {
    const name = `node-${index}`;
    await create(request, "/api/v1/nodes", {
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name,
        labels: {
          "kubernetes.io/hostname": name,
          "kubernetes.io/os": "linux",
          "kubernetes.io/arch": "amd64",
        },
      },
      status: { allocatable: resources, capacity: resources },
    });
  }
}

async function create(request: StartedCluster["request"], path: string, body: unknown): Promise<void> {
  const answer = await request({ method: "POST", path, body });
  if (answer.status !== 201) throw new Error(`POST ${path} was answered ${answer.status}: ${answer.text}`);
}

interface Node {
  readonly spec: { readonly taints?: readonly unknown[] };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function takesPods(request: StartedCluster["request"], nodeCount: number): Promise<boolean> {
  if (!(await areNamespacesFurnished(request))) return false;
  const { items } = (await request({ path: "/api/v1/nodes" })).json() as { items: readonly Node[] };
  const usable = items.filter(
    ({ spec, status }) =>
      (spec.taints ?? []).length === 0 &&
      status.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True"),
  );
  return usable.length === nodeCount;
}

/** Whether controllers have given every namespace its account, without which a pod is refused, and its certificate. */
async function areNamespacesFurnished(request: StartedCluster["request"]): Promise<boolean> {
  const list = async (kind: string): Promise<readonly Named[]> => {
    const answer = await request({ path: `/api/v1/${kind}` });
    return answer.status === 200 ? (answer.json() as { items: readonly Named[] }).items : [];
  };
  const namespaces = await list("namespaces");
  for (const [kind, wanted] of [
    ["serviceaccounts", "default"],
    ["configmaps", "kube-root-ca.crt"],
  ] as const) {
    const found = (await list(kind)).filter(({ metadata }) => metadata.name === wanted);
    const furnished = new Set(found.map(({ metadata }) => metadata.namespace));
    if (!namespaces.every(({ metadata }) => furnished.has(metadata.name))) return false;
  }
  return namespaces.some(({ metadata }) => metadata.name === "default");
}

interface Named {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The provisioner makes a folder under the system's temporary folder for each volume and nobody deletes it with the cluster. */
async function removeHostPathVolumes(request: StartedCluster["request"]): Promise<void> {
  const answer = await request({ path: "/api/v1/persistentvolumes" }).catch(() => undefined);
  if (answer?.status !== 200) return;
  const { items } = answer.json() as { items: readonly { spec: { hostPath?: { path: string } } }[] };
  for (const { spec } of items) {
    const path = spec.hostPath?.path;
    // A user's own volume may name any folder of the machine.
    if (path === undefined || dirname(path) !== "/tmp/hostpath_pv") continue;
    await rm(path, { recursive: true, force: true });
  }
}
