import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { namespaceDefault, type InstallSettings, type RuleFile } from "../manifest/index.ts";
import { InstallerError, UsageError } from "../output/index.ts";

/** Flags that decide what is rendered. */
export const manifestOptions = {
  namespace: { type: "string", default: namespaceDefault as string },
  registry: { type: "string" },
  "collector-image": { type: "string" },
  webhook: { type: "string" },
  rules: { type: "string", multiple: true },
  "agent-namespace": { type: "string", multiple: true },
  "storage-class": { type: "string" },
} as const;

/** Flags that decide which cluster. */
export const clusterOptions = {
  kubeconfig: { type: "string" },
  context: { type: "string" },
} as const;

export const manifestUsage = `  --namespace NAME         namespace to install into; NAME-node is made besides, for what reads the nodes' logs (default quartet)
  --webhook URL            where alerts are sent (Alertmanager's payload, version 4); without it they are sent nowhere
  --rules FILE             rule file (Prometheus') for the collector, repeatable; replaces the example rules
  --agent-namespace NAME   namespace of services that get the Secret quartet-agent as well, repeatable
  --collector-image IMAGE  the collector's image (default localhost/quartet-collector:VERSION, which you build and load yourself:
                           packages/collector/Dockerfile)
  --registry HOST/PREFIX   pull every image from there instead of from its own registry
  --storage-class NAME     storage class of the volumes (default: the cluster's default class)
`;

export const clusterUsage = `  --kubeconfig FILE        default: the variable KUBECONFIG, then ~/.kube/config
  --context NAME           context of the kubeconfig (default: its current one)
`;

interface ManifestFlags {
  readonly namespace: string;
  readonly registry?: string | undefined;
  readonly "collector-image"?: string | undefined;
  readonly webhook?: string | undefined;
  readonly rules?: readonly string[] | undefined;
  readonly "agent-namespace"?: readonly string[] | undefined;
  readonly "storage-class"?: string | undefined;
}

/** @see https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
const dnsLabel = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
/** `-node` is appended to it, and a name may have 63 characters. */
const namespaceLengthMax = 58;

/**
 * The settings that flags stand for.
 * @throws UsageError naming the flag, InstallerError QUARTET_CONFIG_INVALID for a rule file that cannot be read.
 */
export function parseManifestFlags(flags: ManifestFlags, version: string): InstallSettings {
  const agentNamespaces = flags["agent-namespace"] ?? [];
  parseName("--namespace", flags.namespace, namespaceLengthMax);
  for (const name of agentNamespaces) parseName("--agent-namespace", name, 63);
  const { webhook } = flags;
  if (webhook !== undefined && !/^https?:$/.test(URL.canParse(webhook) ? new URL(webhook).protocol : "")) {
    throw new UsageError(`--webhook: ${JSON.stringify(webhook)} is no http or https URL`);
  }
  const registry = flags.registry?.replace(/\/+$/, "");
  if (registry !== undefined && !/^[a-z0-9][a-z0-9.-]*(:\d+)?(\/[a-z0-9._-]+)*$/.test(registry)) {
    throw new UsageError(
      `--registry: ${JSON.stringify(flags.registry)} is no registry; write a host and a prefix, such as registry.example.com/mirror`,
    );
  }
  const collectorImage = flags["collector-image"];
  if (
    collectorImage !== undefined &&
    !/^[^\s:]+(:\d+\/[^\s:]+)?(:[\w.-]+|@sha256:[0-9a-f]{64})$/.test(collectorImage)
  ) {
    throw new UsageError(
      `--collector-image: ${JSON.stringify(collectorImage)} should end in a tag or a digest, such as registry.example.com/quartet-collector:1.0`,
    );
  }
  return {
    namespace: flags.namespace,
    version,
    registry,
    collectorImage,
    webhook,
    ruleFiles: readRules(flags.rules ?? []),
    agentNamespaces,
    storageClass: flags["storage-class"],
  };
}

export function parseOutput(text: string): "table" | "json" {
  if (text === "table" || text === "json") return text;
  throw new UsageError(`--output: ${JSON.stringify(text)} is none of table, json`);
}

/** A duration such as 90s, 10m or 1h. @throws UsageError */
export function parseTimeoutMs(text: string): number {
  const match = /^(\d+)(s|m|h)$/.exec(text);
  if (match === null) {
    throw new UsageError(
      `--timeout: ${JSON.stringify(text)} is no time; write a number with s, m or h, such as 10m`,
    );
  }
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000 }[match[2] as "s" | "m" | "h"];
  return Number(match[1]) * unitMs;
}

function parseName(flag: string, name: string, lengthMax: number): void {
  if (dnsLabel.test(name) && name.length <= lengthMax) return;
  throw new UsageError(
    `${flag}: ${JSON.stringify(name)} is no name of a namespace; write lower-case letters, digits and -, ${lengthMax} at most`,
  );
}

function readRules(files: readonly string[]): readonly RuleFile[] {
  const rules = files.map((file): RuleFile => {
    const name = basename(file);
    if (!/^[A-Za-z0-9._-]+\.ya?ml$/.test(name)) {
      throw new UsageError(`--rules: ${file} should be called something.yaml or something.yml`);
    }
    try {
      return { name, text: readFileSync(file, "utf8") };
    } catch (cause) {
      throw new InstallerError(
        "QUARTET_CONFIG_INVALID",
        `--rules: cannot read ${file}: ${(cause as Error).message}`,
        { cause },
      );
    }
  });
  const twice = rules.find(({ name }, index) => rules.findIndex((other) => other.name === name) < index);
  if (twice !== undefined) throw new UsageError(`--rules: two files are called ${twice.name}`);
  return rules;
}
