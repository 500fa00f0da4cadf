import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { clusterParts, describeWithParts, startCluster, type StartedCluster } from "../parts/index.ts";
import { openTempDir, until, type TempDir } from "../support/index.ts";
import { openAuditLog, type AuditLog } from "./audit.ts";
import { runCommand, type CommandRun } from "./command.ts";
import { added, snapshotCluster } from "./snapshot.ts";

interface Summary {
  readonly objects: number;
  readonly created: number;
  readonly configured: number;
  readonly unchanged: number;
  readonly deleted: number;
  readonly requests: { readonly writes: number; readonly dryRuns: number };
}

const objectCount = 46;
/** What a namespace has from its beginning. */
const inherent = (namespace: string): readonly string[] => [
  `configmaps ${namespace}/kube-root-ca.crt`,
  `serviceaccounts ${namespace}/default`,
];

/** One installation's life, in the order of the tests; later ones use namespaces of their own. */
describeWithParts("The installer on a real API server", clusterParts, () => {
  let folder: TempDir;
  let audit: AuditLog;
  let cluster: StartedCluster;
  let empty: ReadonlyMap<string, string>;
  let installed: ReadonlyMap<string, string>;
  beforeAll(async () => {
    folder = await openTempDir("install");
    audit = await openAuditLog(folder.path);
    cluster = await startCluster({ nodes: 3, apiServerFlags: audit.apiServerFlags });
    empty = await snapshotCluster(cluster);
  });
  afterAll(async () => {
    await cluster?.stop();
    await folder?.remove();
  });

  const run = (name: "install" | "uninstall" | "render", ...args: readonly string[]): Promise<CommandRun> =>
    runCommand(name, args, cluster.kubeconfigPath);
  const succeed = async (...args: Parameters<typeof run>): Promise<CommandRun> => {
    const result = await run(...args);
    expect(result).toMatchObject({ code: 0, message: "" });
    return result;
  };
  const install = async (...args: readonly string[]): Promise<Summary> =>
    JSON.parse((await succeed("install", "--output", "json", ...args)).stdout) as Summary;
  const get = async <T>(path: string): Promise<T> => {
    const answer = await cluster.request({ path });
    expect([path, answer.status]).toEqual([path, 200]);
    return answer.json() as T;
  };
  const send = async (method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<void> => {
    const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const answer = await cluster.request({ method, path, body, contentType });
    expect([answer.text, Math.floor(answer.status / 100)]).toEqual([answer.text, 2]);
  };

  test("install ends when every workload is ready, and says how a service sends", async () => {
    const { stdout } = await succeed("install");
    for (const name of ["elasticsearch", "collector", "prometheus", "jaeger", "kibana", "fluent-bit"]) {
      expect(stdout).toMatch(new RegExp(`^ready +\\w+ [\\w-]+/quartet-${name}$`, "m"));
    }
    expect(stdout).toContain(`${objectCount} objects: ${objectCount} created, 0 configured, 0 unchanged`);
    expect(stdout).toContain("http://quartet-collector.quartet.svc:4318");
    // The API server enforces and warns by the namespaces' own security standard.
    expect(stdout).not.toMatch(/would violate/i);
    const { items } = await get<{ items: { metadata: { namespace: string }; status: { phase: string } }[] }>(
      "/api/v1/pods",
    );
    const ours = items.filter(({ metadata }) => metadata.namespace.startsWith("quartet"));
    expect(ours.map(({ status }) => status.phase)).toEqual(Array.from({ length: 8 }, () => "Running"));
    installed = await snapshotCluster(cluster);
  });

  test("a second install writes nothing, by its own count, by the API server's and by every resourceVersion", async () => {
    const mark = await audit.mark();
    expect(await install()).toMatchObject({
      objects: objectCount,
      unchanged: objectCount,
      requests: { writes: 0, dryRuns: objectCount },
    });
    expect(await audit.writesSince(mark)).toEqual([]);
    expect(await audit.dryRunsSince(mark)).toHaveLength(objectCount);
    expect(await snapshotCluster(cluster)).toEqual(installed);
  });

  test("Quartet owns every field that it set, and nobody's force was used", async () => {
    const mark = await audit.mark();
    await install();
    expect((await audit.dryRunsSince(mark)).filter((line) => line.includes("force=true"))).toEqual([]);
    const { metadata } = await get<{ metadata: { managedFields: { manager: string; operation: string }[] } }>(
      "/apis/apps/v1/namespaces/quartet/deployments/quartet-jaeger",
    );
    expect(metadata.managedFields).toContainEqual(
      expect.objectContaining({ manager: "quartet", operation: "Apply" }),
    );
  });

  test("render --with-secrets prints what is installed, byte for byte on every run", async () => {
    const first = await succeed("render", "--with-secrets");
    expect(await succeed("render", "--with-secrets")).toEqual(first);
    const { data } = await get<{ data: Record<string, string> }>(
      "/api/v1/namespaces/quartet/secrets/quartet-agent",
    );
    expect(first.stdout).toContain(`OTEL_EXPORTER_OTLP_HEADERS: ${data["OTEL_EXPORTER_OTLP_HEADERS"]}`);
    expect(first.stderr).toBe("");
  });

  test("Prometheus' service account may read pods everywhere, and nothing else", async () => {
    const token = await tokenOf("quartet", "quartet-prometheus");
    const asked = ["/api/v1/pods", "/api/v1/secrets", "/api/v1/namespaces/quartet/secrets", "/api/v1/nodes"];
    const statuses = await Promise.all(asked.map((path) => statusWith(token, path)));
    expect(statuses).toEqual([200, 403, 403, 403]);
  });

  test("a changed flag configures what it concerns, and the collector is rolled out anew", async () => {
    const before = await get<{ status: { updateRevision: string } }>(
      "/apis/apps/v1/namespaces/quartet/statefulsets/quartet-collector",
    );
    const { stdout } = await succeed("install", "--webhook", "https://hooks.example.com/x");
    expect(
      stdout
        .match(/^configured .*$/gm)
        ?.map((line) => line.replace(/ +/g, " "))
        .sort(),
    ).toEqual([
      "configured ConfigMap quartet/quartet-collector",
      "configured NetworkPolicy quartet/quartet-collector",
      "configured Secret quartet/quartet-collector",
      "configured StatefulSet quartet/quartet-collector",
    ]);
    const { status } = await get<{ status: { updateRevision: string; currentRevision: string } }>(
      "/apis/apps/v1/namespaces/quartet/statefulsets/quartet-collector",
    );
    expect(status.updateRevision).not.toBe(before.status.updateRevision);
    expect(status.currentRevision).toBe(status.updateRevision);
    expect(await install()).toMatchObject({ configured: 4 });
  });

  test("a field that somebody else changed is listed with its owner, and nothing is written", async () => {
    const path = "/apis/apps/v1/namespaces/quartet/deployments/quartet-jaeger";
    await send("PATCH", `${path}?fieldManager=somebody`, { spec: { replicas: 2 } });
    const mark = await audit.mark();
    const refused = await run("install", "--webhook", "https://hooks.example.com/other");
    expect(refused).toMatchObject({ code: 1, errorCode: "QUARTET_FIELD_CONFLICT" });
    expect(refused.message).toContain(
      "Deployment quartet/quartet-jaeger: .spec.replicas belongs to somebody",
    );
    expect(await audit.writesSince(mark)).toEqual([]);
    expect(await install("--force-conflicts")).toMatchObject({ configured: 1 });
    expect(await get(path)).toMatchObject({ spec: { replicas: 1 } });
  });

  test("what was deleted by hand comes back, with the tokens that agents have", async () => {
    const path = "/api/v1/namespaces/quartet/secrets/quartet-agent";
    const { data } = await get<{ data: unknown }>(path);
    await send("DELETE", path);
    expect(await install()).toMatchObject({ created: 1, configured: 0 });
    expect((await get<{ data: unknown }>(path)).data).toEqual(data);
  });

  test("a namespace of services gets the Secret while it is named, and loses it after", async () => {
    await send("POST", "/api/v1/namespaces", { metadata: { name: "shop" } });
    const path = "/api/v1/namespaces/shop/secrets/quartet-agent";
    expect(await install("--agent-namespace", "shop")).toMatchObject({ created: 1 });
    const own = await get<{ data: unknown }>("/api/v1/namespaces/quartet/secrets/quartet-agent");
    expect((await get<{ data: unknown }>(path)).data).toEqual(own.data);
    expect(await install()).toMatchObject({ deleted: 1, created: 0, configured: 0 });
    expect((await cluster.request({ path })).status).toBe(404);
    await send("DELETE", "/api/v1/namespaces/shop");
    await gone("/api/v1/namespaces/shop");
  });

  test("uninstall leaves nothing but data, and doing it again changes nothing", async () => {
    const { stdout } = await succeed("uninstall");
    const claims = ["collector", "elasticsearch", "prometheus"].map((name) => `data-quartet-${name}-0`);
    for (const claim of claims) expect(stdout).toContain(`PersistentVolumeClaim quartet/${claim}`);
    const left = added(empty, await snapshotCluster(cluster));
    expect(left.filter((name) => !name.startsWith("persistentvolumes "))).toEqual(
      [
        ...inherent("quartet"),
        "namespaces quartet",
        ...claims.map((claim) => `persistentvolumeclaims quartet/${claim}`),
      ].sort(),
    );
    expect(left.filter((name) => name.startsWith("persistentvolumes "))).toHaveLength(3);
    const mark = await audit.mark();
    expect((await succeed("uninstall")).stdout).toContain("there was nothing to remove");
    expect(await audit.writesSince(mark)).toEqual([]);
  });

  test("install finds the data again, and uninstall --delete-data leaves nothing at all", async () => {
    const claim = "/api/v1/namespaces/quartet/persistentvolumeclaims/data-quartet-collector-0";
    const before = await get<{ metadata: { uid: string } }>(claim);
    expect(await install()).toMatchObject({ created: objectCount - 1 });
    expect((await get<{ metadata: { uid: string } }>(claim)).metadata.uid).toBe(before.metadata.uid);
    await succeed("uninstall", "--delete-data");
    expect(added(empty, await snapshotCluster(cluster))).toEqual([]);
    expect((await succeed("uninstall", "--delete-data")).stdout).toContain("there was nothing to remove");
  });

  test("a namespace with somebody else's objects stays, and they are named", async () => {
    await install("--namespace", "shared");
    await send("POST", "/api/v1/namespaces/shared/configmaps", { metadata: { name: "mine" } });
    const refused = await run("uninstall", "--namespace", "shared", "--delete-data");
    expect(refused).toMatchObject({ code: 1, errorCode: "QUARTET_LEFTOVERS" });
    expect(refused.message).toContain("ConfigMap shared/mine");
    expect(added(empty, await snapshotCluster(cluster))).toEqual(
      [...inherent("shared"), "configmaps shared/mine", "namespaces shared"].sort(),
    );
    await send("DELETE", "/api/v1/namespaces/shared/configmaps/mine");
    await succeed("uninstall", "--namespace", "shared", "--delete-data");
    expect(added(empty, await snapshotCluster(cluster))).toEqual([]);
  });

  test("a volume that its class retains is named and left to its administrator", async () => {
    await install("--namespace", "retained");
    const { items } = await get<{
      items: { metadata: { name: string }; spec: { claimRef: { name: string } } }[];
    }>("/api/v1/persistentvolumes");
    const volume = items.find(({ spec }) => spec.claimRef.name === "data-quartet-prometheus-0")!.metadata
      .name;
    await send("PATCH", `/api/v1/persistentvolumes/${volume}`, {
      spec: { persistentVolumeReclaimPolicy: "Retain" },
    });
    const { stdout } = await succeed("uninstall", "--namespace", "retained", "--delete-data");
    expect(stdout).toContain(`for their administrator to delete:\n  PersistentVolume ${volume}\n`);
    expect(added(empty, await snapshotCluster(cluster))).toEqual([`persistentvolumes ${volume}`]);
    await send("DELETE", `/api/v1/persistentvolumes/${volume}`);
    await gone(`/api/v1/persistentvolumes/${volume}`);
  });

  test("a namespace that was there before is not taken over", async () => {
    await send("POST", "/api/v1/namespaces", { metadata: { name: "theirs" } });
    const mark = await audit.mark();
    const refused = await run("install", "--namespace", "theirs");
    expect(refused).toMatchObject({ code: 1, errorCode: "QUARTET_CHECK_FAILED" });
    expect(refused.message).toContain("theirs exists and was not made by this installation");
    expect(await run("install", "--namespace", "theirs", "--skip-checks")).toMatchObject({
      code: 1,
      errorCode: "QUARTET_CLUSTER_REFUSED",
    });
    expect(await audit.writesSince(mark)).toEqual([]);
    await send("DELETE", "/api/v1/namespaces/theirs");
    await gone("/api/v1/namespaces/theirs");
  });

  test("who lacks rights learns which, before anything is written", async () => {
    const kubeconfig = join(folder.path, "nobody");
    const token = await tokenOf("default", "default");
    const config = await import("node:fs").then(
      ({ readFileSync }) =>
        JSON.parse(readFileSync(cluster.kubeconfigPath, "utf8")) as Record<string, unknown>,
    );
    await writeFile(kubeconfig, JSON.stringify({ ...config, users: [{ name: "admin", user: { token } }] }));
    const refused = await runCommand("install", [], kubeconfig);
    expect(refused).toMatchObject({ code: 1, errorCode: "QUARTET_CHECK_FAILED" });
    expect(refused.message).toMatch(/you may not .*create statefulsets.*patch namespaces/);
  });

  test("pods that no node takes: install gives up in time with the scheduler's words, and goes on later", async () => {
    const nodes = [0, 1, 2].map((index) => `/api/v1/nodes/node-${index}`);
    for (const node of nodes) await send("PATCH", node, { spec: { unschedulable: true } });
    const late = await run("install", "--namespace", "late", "--timeout", "8s");
    expect(late).toMatchObject({ code: 1, errorCode: "QUARTET_NOT_READY" });
    expect(late.message).toMatch(
      /StatefulSet late\/quartet-elasticsearch: 0 of 1 ready\n.*Pod quartet-elasticsearch-0 is not scheduled: 0\/3 nodes are available/,
    );
    expect(late.stdout).toMatch(/^waiting +quartet-elasticsearch 0\/1 \(Pod .* is not scheduled/m);
    for (const node of nodes) await send("PATCH", node, { spec: { unschedulable: false } });
    expect(await install("--namespace", "late")).toMatchObject({ configured: 0 });
    await succeed("uninstall", "--namespace", "late", "--delete-data");
    expect(added(empty, await snapshotCluster(cluster))).toEqual([]);
  });

  test("a storage class that is not there is found before anything is written", async () => {
    const refused = await run("install", "--storage-class", "fast");
    expect(refused.message).toContain("there is no class fast (there is standard)");
    expect(added(empty, await snapshotCluster(cluster))).toEqual([]);
  });

  /** A token of a service account, as its pods get it. */
  async function tokenOf(namespace: string, account: string): Promise<string> {
    const answer = await cluster.request({
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
    });
    return (answer.json() as { status: { token: string } }).status.token;
  }

  async function statusWith(token: string, path: string): Promise<number> {
    const { requestCluster } = await import("../parts/cluster-request.ts");
    return (await requestCluster({ path }, { ...cluster, token })).status;
  }

  async function gone(path: string): Promise<void> {
    await until(async () => (await cluster.request({ path })).status === 404, {
      deadlineMs: 30_000,
      what: `${path} to be gone`,
      intervalMs: 200,
    });
  }
});
