import { agentSecretName, credentialsSecretName, metaOf } from "./names.ts";
import { secret } from "./context.ts";
import type { InstallSettings } from "./settings.ts";
import type { Secret } from "./types.ts";

/** Every generated value. They are made once and read back on a later run, so that nothing that holds one breaks. */
export interface Credentials {
  /** What agents send as a bearer token. */
  readonly otlpToken: string;
  /** What reads the collector's API and metrics. */
  readonly apiToken: string;
  /** Of the Elasticsearch user `quartet`, for people: signs in to Kibana, may do everything. */
  readonly adminPassword: string;
  readonly jaegerPassword: string;
  readonly fluentBitPassword: string;
  /** The secret part of Kibana's service account token. */
  readonly kibanaTokenSecret: string;
  /** Encrypts what Kibana saves; losing it loses saved connectors. */
  readonly kibanaSavedObjectsKey: string;
  readonly kibanaSessionKey: string;
  readonly kibanaReportingKey: string;
}

const names: readonly (keyof Credentials)[] = [
  "otlpToken",
  "apiToken",
  "adminPassword",
  "jaegerPassword",
  "fluentBitPassword",
  "kibanaTokenSecret",
  "kibanaSavedObjectsKey",
  "kibanaSessionKey",
  "kibanaReportingKey",
];

/** 256 bits each: no dictionary reaches them, and Kibana wants at least 32 characters. */
const sizeBytes = 32;

/** New values for all that `known` lacks, e.g. because an older version did not need them. */
export function createCredentials(
  randomBytes: (sizeBytes: number) => Uint8Array,
  known: Partial<Credentials> = {},
): Credentials {
  const pairs = names.map(
    (name) => [name, known[name] ?? Buffer.from(randomBytes(sizeBytes)).toString("hex")] as const,
  );
  return Object.fromEntries(pairs) as Record<keyof Credentials, string>;
}

/** The values that a Secret of an earlier run holds; unknown and empty keys do not count. */
export function parseCredentials(data: Readonly<Record<string, string>> | undefined): Partial<Credentials> {
  const known = names.flatMap((name) => {
    const text = Buffer.from(data?.[kebabCase(name)] ?? "", "base64").toString("utf8");
    return text === "" ? [] : [[name, text] as const];
  });
  return Object.fromEntries(known);
}

/** The Secret that keeps the values between runs. */
export function buildCredentialsSecret(settings: InstallSettings, credentials: Credentials): Secret {
  const metadata = metaOf({
    name: credentialsSecretName,
    namespace: settings.namespace,
    component: undefined,
    instance: settings.namespace,
    version: settings.version,
  });
  return secret(metadata, Object.fromEntries(names.map((name) => [kebabCase(name), credentials[name]])));
}

/**
 * The Secret that services read, in the main namespace and in every one that was asked for.
 * @see OpenTelemetry specification, "Specifying headers via environment variables": the value is percent-encoded
 */
export function buildAgentSecrets(settings: InstallSettings, credentials: Credentials): readonly Secret[] {
  const namespaces = [...new Set([settings.namespace, ...settings.agentNamespaces])].sort();
  return namespaces.map((namespace) =>
    secret(
      metaOf({
        name: agentSecretName,
        namespace,
        component: undefined,
        instance: settings.namespace,
        version: settings.version,
      }),
      { OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${credentials.otlpToken}` },
    ),
  );
}

function kebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
