import { join } from "node:path";
import { startProcess, type StartedProcess } from "../support/index.ts";
import type { ClusterAnswer, ClusterRequest } from "./cluster-request.ts";
import { partDir, partPath } from "./present.ts";

const readyDeadlineMs = 120_000;

/** Its data lies under `dir` and is never synced: it dies with the test. */
export function startEtcd({
  dir,
  clientPort,
  peerPort,
}: {
  readonly dir: string;
  readonly clientPort: number;
  readonly peerPort: number;
}): Promise<StartedProcess> {
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return startProcess({
    name: "etcd",
    command: partPath("etcd"),
    args: [
      `--data-dir=${join(dir, "etcd")}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      "--unsafe-no-fsync=true",
    ],
    ready: { url: `${client}/health` },
    deadlineMs: 60_000,
  });
}

/** Resolves when `/readyz` says ok. */
export function startApiServer({
  dir,
  clientPort,
  port,
  apiServerFlags,
  request,
}: {
  readonly dir: string;
  readonly clientPort: number;
  readonly port: number;
  readonly apiServerFlags: readonly string[];
  readonly request: (asked: ClusterRequest) => Promise<ClusterAnswer>;
}): Promise<StartedProcess> {
  return startProcess({
    name: "kube-apiserver",
    command: partPath("kube-apiserver"),
    args: [
      `--etcd-servers=http://127.0.0.1:${clientPort}`,
      `--secure-port=${port}`,
      "--bind-address=127.0.0.1",
      `--cert-dir=${join(dir, "certs")}`,
      `--service-account-key-file=${join(dir, "sa.pub")}`,
      `--service-account-signing-key-file=${join(dir, "sa.key")}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      "--service-cluster-ip-range=10.96.0.0/16",
      `--token-auth-file=${join(dir, "tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--allow-privileged=true",
      "--anonymous-auth=false",
      ...apiServerFlags,
    ],
    // A failing answer lists its checks, with "ok" in many lines; only the bare word means ready.
    ready: { poll: async () => (await request({ path: "/readyz" })).text === "ok" },
    deadlineMs: readyDeadlineMs,
  });
}

/** Controller manager, scheduler and kwok; what they do shows in the API, so nothing is awaited here. */
export function startControllers({
  dir,
  kubeconfigPath,
}: {
  readonly dir: string;
  readonly kubeconfigPath: string;
}): Promise<StartedProcess[]> {
  const stages = [
    "node-initialize",
    "node-heartbeat-with-lease",
    "pod-ready",
    "pod-complete",
    "pod-delete",
  ].map((stage) => `--config=${join(partDir("kwok"), `${stage}.yaml`)}`);
  return Promise.all([
    startProcess({
      command: partPath("kube-controller-manager"),
      args: [
        `--kubeconfig=${kubeconfigPath}`,
        `--service-account-private-key-file=${join(dir, "sa.key")}`,
        `--root-ca-file=${join(dir, "certs", "apiserver.crt")}`,
        "--leader-elect=false",
        "--secure-port=0",
        "--use-service-account-credentials=true",
        "--enable-hostpath-provisioner=true",
      ],
    }),
    startProcess({
      command: partPath("kube-scheduler"),
      args: [`--kubeconfig=${kubeconfigPath}`, "--leader-elect=false", "--secure-port=0"],
    }),
    startProcess({
      command: partPath("kwok"),
      args: [
        `--kubeconfig=${kubeconfigPath}`,
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        ...stages,
      ],
      // It makes a folder of its own under the home folder.
      env: { KWOK_WORKDIR: join(dir, "kwok") },
    }),
  ]);
}
