import { connectCluster } from "../cluster/index.ts";
import { buildManifest, createCredentials, renderYaml, type Credentials } from "../manifest/index.ts";
import type { Command, CommandIo } from "./command.ts";
import { parseFlags } from "./flags.ts";
import { readCredentials } from "./install-credentials.ts";
import {
  clusterOptions,
  clusterUsage,
  manifestOptions,
  manifestUsage,
  parseManifestFlags,
} from "./install-flags.ts";
import { readVersion } from "./version.ts";

/** `quartet render`: the manifests as text. */
export const renderCommand: Command = {
  name: "render",
  summary: "print the manifests of an installation as YAML",
  usage: `quartet render [flags of install] [--with-secrets [--kubeconfig FILE] [--context NAME]]

Prints what install would write, as YAML in the order of writing: the same bytes on every run. The values of Secrets are
placeholders, with which nothing starts.

${manifestUsage}  --with-secrets           print the values of Secrets: those of the cluster, or new ones where it has none
${clusterUsage}`,
  async run(args, io) {
    const { values } = parseFlags(args, {
      ...manifestOptions,
      ...clusterOptions,
      "with-secrets": { type: "boolean", default: false },
    });
    const settings = parseManifestFlags(values, readVersion());
    const withSecrets = values["with-secrets"];
    const credentials = withSecrets
      ? await credentialsOfCluster({ ...values, namespace: settings.namespace }, io)
      : // They are not printed; zeros keep the rest the same.
        createCredentials((sizeBytes) => new Uint8Array(sizeBytes));
    io.stdout.write(renderYaml(buildManifest({ settings, credentials }), { withSecrets }));
    return 0;
  },
};

async function credentialsOfCluster(
  flags: {
    readonly kubeconfig?: string | undefined;
    readonly context?: string | undefined;
    readonly namespace: string;
  },
  io: CommandIo,
): Promise<Credentials> {
  const client = await connectCluster({
    kubeconfig: flags.kubeconfig,
    context: flags.context,
    env: io.env,
    signal: io.signal,
  });
  try {
    const { credentials, isNew } = await readCredentials(client, flags.namespace);
    if (isNew) {
      io.stderr.write(
        "quartet: the cluster holds no credentials yet; these are new, and differ on every run\n",
      );
    }
    return credentials;
  } finally {
    await client.close();
  }
}
