import { buildCollector } from "./collector.ts";
import type { BuildContext } from "./context.ts";
import { buildAgentSecrets, buildCredentialsSecret } from "./credentials.ts";
import { buildElasticsearch } from "./elasticsearch.ts";
import { buildFluentBit } from "./fluent-bit.ts";
import { buildJaeger } from "./jaeger.ts";
import { buildKibana } from "./kibana.ts";
import { metaOf, nameOf, nodeNamespaceOf } from "./names.ts";
import { buildNetworkPolicies } from "./network.ts";
import { buildPrometheus } from "./prometheus.ts";
import type { Manifest, Namespace, Workload } from "./types.ts";
import { toYaml } from "./yaml.ts";

/** In the order of writing; a wave is ready before the next one begins. */
const waveNames = ["namespaces", "configuration", "storage", "workloads"] as const;
type WaveName = (typeof waveNames)[number];

export interface Wave {
  readonly name: WaveName;
  readonly objects: readonly Manifest[];
}

/** Every object of an installation, each wave sorted by kind, namespace and name. Pure: equal input gives equal output. */
export function buildManifest(context: BuildContext): readonly Wave[] {
  const { settings, credentials } = context;
  const all: readonly Manifest[] = [
    namespace(context, settings.namespace, "restricted"),
    namespace(context, nodeNamespaceOf(settings.namespace), "privileged"),
    buildCredentialsSecret(settings, credentials),
    ...buildAgentSecrets(settings, credentials),
    ...buildNetworkPolicies(context),
    ...buildCollector(context),
    ...buildPrometheus(context),
    ...buildJaeger(context),
    ...buildElasticsearch(context),
    ...buildFluentBit(context),
    ...buildKibana(context),
  ];
  const sorted = [...all].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
  return waveNames.map((name) => ({ name, objects: sorted.filter((object) => waveOf(object) === name) }));
}

/** Deployments, StatefulSets and DaemonSets: what becomes ready. */
export function isWorkload(object: Manifest): object is Workload {
  return object.kind === "Deployment" || object.kind === "StatefulSet" || object.kind === "DaemonSet";
}

/**
 * The objects as one YAML text of several documents, in the order of writing. The same objects give the same bytes.
 * Without `withSecrets` the values of Secrets are comments: a collector that is started with them refuses to.
 */
export function renderYaml(waves: readonly Wave[], options: { readonly withSecrets: boolean }): string {
  return waves
    .flatMap(({ objects }) => objects)
    .map((object) => `---\n${toYaml(options.withSecrets ? object : maskSecret(object))}`)
    .join("");
}

const placeholder = Buffer.from(
  "# A placeholder. quartet install generates the value, quartet render --with-secrets prints it.\n",
  "utf8",
).toString("base64");

function maskSecret(object: Manifest): Manifest {
  if (object.kind !== "Secret") return object;
  return { ...object, data: Object.fromEntries(Object.keys(object.data).map((key) => [key, placeholder])) };
}

/** A namespace that enforces a Pod Security Standard on its pods. */
function namespace(
  { settings }: BuildContext,
  name: string,
  standard: "restricted" | "privileged",
): Namespace {
  const meta = metaOf({
    name,
    namespace: undefined,
    component: undefined,
    instance: settings.namespace,
    version: settings.version,
  });
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      ...meta,
      labels: {
        ...meta.labels,
        "pod-security.kubernetes.io/enforce": standard,
        "pod-security.kubernetes.io/enforce-version": "latest",
      },
    },
  };
}

function waveOf(object: Manifest): WaveName {
  if (object.kind === "Namespace") return "namespaces";
  if (!isWorkload(object)) return "configuration";
  // Jaeger ends and Kibana waits without it.
  return object.metadata.name === nameOf("elasticsearch") ? "storage" : "workloads";
}

function keyOf({ kind, metadata }: Manifest): string {
  return `${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
}
