import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildManifest, createCredentials, isWorkload } from "../../packages/installer/src/manifest/index.ts";
import type { InstallSettings, Manifest, Workload } from "../../packages/installer/src/manifest/index.ts";
import { freePort } from "../support/index.ts";

type Container = Workload["spec"]["template"]["spec"]["containers"][number];

/** A rendered pod laid out on this machine, for the real program to run as the kubelet would run it. */
export interface LocalPod {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** From a port of the manifest to the one of this machine that stands for it. */
  readonly ports: ReadonlyMap<number, number>;
  /** The file that a path in the container stands for. */
  fileOf(containerPath: string): string;
  /** What the manifest's probes get here, in words; [] when all of them pass. */
  failedProbes(): Promise<readonly string[]>;
  /** The ports of the component's Service that do not take a connection. */
  closedServicePorts(): Promise<readonly string[]>;
}

/** What `quartet install` without flags writes, with fresh credentials of zeros. */
export function manifestObjects(settings: Partial<InstallSettings> = {}): readonly Manifest[] {
  const whole: InstallSettings = {
    namespace: "quartet",
    version: "0.0.0",
    registry: undefined,
    collectorImage: undefined,
    webhook: undefined,
    ruleFiles: [],
    agentNamespaces: [],
    storageClass: undefined,
    ...settings,
  };
  const credentials = createCredentials((sizeBytes) => new Uint8Array(sizeBytes));
  return buildManifest({ settings: whole, credentials }).flatMap(({ objects }) => objects);
}

/**
 * Writes what a component's container mounts below `dir` and moves every port and path to this machine: ports of the component
 * become free ones, mounted paths become folders, and the services in `upstreams` (as `host:port` of the manifest) addresses given there.
 */
export async function openLocalPod(settings: {
  readonly objects: readonly Manifest[];
  readonly component: string;
  readonly dir: string;
  readonly upstreams?: Readonly<Record<string, string>>;
}): Promise<LocalPod> {
  const { objects, component, dir, upstreams = {} } = settings;
  const workload = objects
    .filter(isWorkload)
    .find(({ metadata }) => metadata.name === `quartet-${component}`);
  if (workload === undefined) throw new Error(`${component} has no workload`);
  const { containers, volumes } = workload.spec.template.spec;
  const container = containers[0] as Container;
  const ports = new Map<number, number>();
  for (const { containerPort } of container.ports) ports.set(containerPort, await freePort());
  const folders = new Map(
    container.volumeMounts.map(({ name, mountPath }) => [mountPath, join(dir, component, name)] as const),
  );
  const move = (text: string): string => moveText(text, { ports, folders, upstreams });
  for (const mount of container.volumeMounts) {
    const folder = folders.get(mount.mountPath)!;
    await mkdir(folder, { recursive: true });
    const volume = volumes.find(({ name }) => name === mount.name);
    const files = filesOf(objects, workload, {
      configMap: volume?.configMap?.name,
      secret: volume?.secret?.secretName,
    });
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), move(text));
  }
  const env = (container.env ?? []).map(({ name, value, valueFrom }): [string, string] => {
    if (valueFrom === undefined) return [name, value ?? ""];
    const { name: secret, key } = valueFrom.secretKeyRef;
    return [name, filesOf(objects, workload, { secret })[key] ?? ""];
  });
  return {
    args: (container.args ?? []).map(move),
    env: Object.fromEntries(env),
    ports,
    fileOf: move,
    failedProbes: () => tryProbes(container, ports),
    closedServicePorts: () => tryServicePorts(objects, workload, ports),
  };
}

function filesOf(
  objects: readonly Manifest[],
  workload: Workload,
  source: { readonly configMap?: string | undefined; readonly secret?: string | undefined },
): Readonly<Record<string, string>> {
  const found = objects.find(
    ({ kind, metadata }) =>
      metadata.namespace === workload.metadata.namespace &&
      ((kind === "ConfigMap" && metadata.name === source.configMap) ||
        (kind === "Secret" && metadata.name === source.secret)),
  );
  if (found?.kind === "ConfigMap") return found.data;
  if (found?.kind !== "Secret") return {};
  const decoded = Object.entries(found.data).map(([key, value]) => [
    key,
    Buffer.from(value, "base64").toString("utf8"),
  ]);
  return Object.fromEntries(decoded) as Record<string, string>;
}

function moveText(
  text: string,
  to: {
    readonly ports: ReadonlyMap<number, number>;
    readonly folders: ReadonlyMap<string, string>;
    readonly upstreams: Readonly<Record<string, string>>;
  },
): string {
  let moved = text;
  for (const [from, address] of Object.entries(to.upstreams)) moved = moved.replaceAll(from, address);
  moved = moved
    .replaceAll(/\b(?:0\.0\.0\.0|localhost):(\d+)/g, (whole, port: string) => {
      const free = to.ports.get(Number(port));
      return free === undefined ? whole : `127.0.0.1:${free}`;
    })
    // Where address and port are keys of their own.
    .replaceAll(/\bhost: 0\.0\.0\.0$/gm, "host: 127.0.0.1")
    .replaceAll(/\bport: (\d+)$/gm, (whole, port: string) => {
      const free = to.ports.get(Number(port));
      return free === undefined ? whole : `port: ${free}`;
    });
  for (const [from, folder] of to.folders) {
    moved = moved.replaceAll(new RegExp(`(?<![\\w/.-])${from}(?=[/\\s"']|$)`, "gm"), folder);
  }
  return moved;
}

async function tryProbes(
  container: Container,
  ports: ReadonlyMap<number, number>,
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const kind of ["startupProbe", "readinessProbe", "livenessProbe"] as const) {
    const probe = container[kind];
    if (probe === undefined) continue;
    const name = (probe.httpGet ?? probe.tcpSocket)?.port;
    const port = ports.get(container.ports.find((one) => one.name === name)?.containerPort ?? 0);
    const path = probe.httpGet?.path;
    const problem = await (path === undefined ? tryConnect(port) : tryGet(`http://127.0.0.1:${port}${path}`));
    if (problem !== undefined) failed.push(`${kind} ${name}${path ?? ""}: ${problem}`);
  }
  return failed;
}

async function tryServicePorts(
  objects: readonly Manifest[],
  workload: Workload,
  ports: ReadonlyMap<number, number>,
): Promise<readonly string[]> {
  const service = objects.find(
    ({ kind, metadata }) => kind === "Service" && metadata.name === workload.metadata.name,
  );
  if (service?.kind !== "Service") throw new Error(`${workload.metadata.name} has no Service`);
  const closed: string[] = [];
  for (const { name, port } of service.spec.ports) {
    const problem = await tryConnect(ports.get(port));
    if (problem !== undefined) closed.push(`${name}: ${problem}`);
  }
  return closed;
}

async function tryGet(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    // As the kubelet decides: 200 to 399.
    return response.status >= 200 && response.status < 400 ? undefined : `${response.status} ${text}`;
  } catch (error) {
    return String(error);
  }
}

async function tryConnect(port: number | undefined): Promise<string | undefined> {
  const { connect } = await import("node:net");
  return await new Promise((resolve) => {
    const socket = connect({ port: port ?? 0, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once("error", (error) => resolve(error.message));
  });
}
