import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { InstallerError, nearest } from "../output/index.ts";
import { createClusterClient, type ClusterClient } from "./client.ts";

export interface ConnectSettings {
  /** --kubeconfig; undefined = KUBECONFIG, then ~/.kube/config, then the service account of the pod we run in. */
  readonly kubeconfig: string | undefined;
  /** --context; undefined = the file's current one. */
  readonly context: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/**
 * Reads the kubeconfig and prepares a client for its cluster; sends nothing yet. The caller closes the client.
 * @throws InstallerError QUARTET_CONFIG_INVALID (exit 2) when no file, no such context or no cluster is found.
 */
export async function connectCluster(settings: ConnectSettings): Promise<ClusterClient> {
  // Not at the top: it takes a second to load, and most commands need no cluster.
  const kubernetes = await import("@kubernetes/client-node");
  const config = new kubernetes.KubeConfig();
  const source = load(config, settings, () => new kubernetes.KubeConfig());
  if (settings.context !== undefined) config.setCurrentContext(settings.context);
  const name = config.getCurrentContext();
  const context = config.getContextObject(name);
  if (context === null) throw noContext({ source, name, known: config.getContexts().map((one) => one.name) });
  const cluster = config.getCurrentCluster();
  if (cluster === null || cluster.server === "") {
    throw invalid(
      `the context ${name} in ${source} names the cluster ${context.cluster}, which is not there`,
    );
  }
  if (!URL.canParse(cluster.server)) {
    throw invalid(
      `the cluster ${cluster.name} in ${source} has the server ${cluster.server}, which is no URL`,
    );
  }
  // The library refuses plain HTTP (kubectl proxy, say) unless TLS is waived, which is then not there to be waived.
  if (new URL(cluster.server).protocol === "http:") {
    config.clusters = config.clusters.map((one) =>
      one.name === cluster.name ? { ...one, skipTLSVerify: true } : one,
    );
  }
  return createClusterClient({
    kubernetes,
    config,
    target: { source, context: name, address: cluster.server },
    signal: settings.signal,
  });
}

/** Fills the configuration; returns what it was read from, for messages. */
function load(config: KubeConfig, settings: ConnectSettings, createEmpty: () => KubeConfig): string {
  const { env } = settings;
  if (settings.kubeconfig !== undefined) {
    if (!existsSync(settings.kubeconfig))
      throw invalid(`--kubeconfig: there is no file ${settings.kubeconfig}`);
    return loadFile(config, settings.kubeconfig);
  }
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  if (listed.length > 0) {
    // As kubectl does: files of the list that are missing do not count.
    const files = listed.filter((file) => existsSync(file));
    if (files.length === 0) throw invalid(`KUBECONFIG: there is no file ${listed.join(" nor ")}`);
    for (const [index, file] of files.entries()) {
      if (index === 0) loadFile(config, file);
      else {
        const more = createEmpty();
        loadFile(more, file);
        config.mergeConfig(more, config.getCurrentContext() !== undefined);
      }
    }
    return files.join(delimiter);
  }
  const home = join(env["HOME"] ?? env["USERPROFILE"] ?? homedir(), ".kube", "config");
  if (existsSync(home)) return loadFile(config, home);
  if (env["KUBERNETES_SERVICE_HOST"] !== undefined && existsSync(serviceAccountToken)) {
    config.loadFromCluster();
    return "the pod's service account";
  }
  throw invalid(
    `no kubeconfig: looked for --kubeconfig, the variable KUBECONFIG and ${home}; name the file of your cluster with --kubeconfig`,
  );
}

function loadFile(config: KubeConfig, file: string): string {
  try {
    config.loadFromFile(file);
  } catch (cause) {
    throw invalid(`${file} is no kubeconfig: ${(cause as Error).message.split("\n")[0]}`, cause);
  }
  return file;
}

function noContext(found: {
  readonly source: string;
  readonly name: string | undefined;
  readonly known: readonly string[];
}): InstallerError {
  const { source, name, known } = found;
  const list = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`;
  if (name === undefined || name === "") {
    return invalid(`${source} has no current context; choose one with --context (${list})`);
  }
  const near = nearest(name, known);
  return invalid(
    `${source} has no context ${name}; ${near === undefined ? list : `did you mean ${near}? (${list})`}`,
  );
}

function invalid(message: string, cause?: unknown): InstallerError {
  return new InstallerError("QUARTET_CONFIG_INVALID", message, { cause });
}
