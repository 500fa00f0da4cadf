import { createHash, pbkdf2Sync } from "node:crypto";
import type { Credentials } from "./credentials.ts";
import { toYaml } from "./yaml.ts";

/** Who may use Elasticsearch besides Kibana. Elasticsearch reads these from files, so that no job has to run after its start. */
export const users = { admin: "quartet", jaeger: "quartet-jaeger", fluentBit: "quartet-fluent-bit" } as const;

/** Jaeger's indices: `quartet-jaeger-span-2026-11-21` and so on. */
export const jaegerIndexPrefix = "quartet";

/** The data stream of container logs; Elasticsearch has a template for `logs-*-*`. */
export const logsDataStream = "logs-k8s-default";

const kibanaServiceToken = "elastic/kibana/quartet";

const iterationCount = 10_000;
const saltSizeBytes = 32;
const keySizeBytes = 32;

/**
 * The files of the file realm and of the service account tokens, by name.
 * @see Elasticsearch, "File-based user authentication" and "elasticsearch-service-tokens"
 */
export function buildUserFiles(credentials: Credentials): Readonly<Record<string, string>> {
  const lines = (list: readonly string[]): string => `${list.join("\n")}\n`;
  const roles = {
    "quartet-jaeger": {
      cluster: ["monitor", "manage_index_templates"],
      indices: [{ names: [`${jaegerIndexPrefix}-jaeger-*`], privileges: ["all"] }],
    },
    "quartet-fluent-bit": {
      // Writes and nothing else: a node that is broken into cannot read other nodes' logs.
      indices: [{ names: [logsDataStream], privileges: ["auto_configure", "create_doc"] }],
    },
  };
  return {
    users: lines([
      `${users.admin}:${hashPassword(users.admin, credentials.adminPassword)}`,
      `${users.jaeger}:${hashPassword(users.jaeger, credentials.jaegerPassword)}`,
      `${users.fluentBit}:${hashPassword(users.fluentBit, credentials.fluentBitPassword)}`,
    ]),
    users_roles: lines([
      `superuser:${users.admin}`,
      `quartet-jaeger:${users.jaeger}`,
      `quartet-fluent-bit:${users.fluentBit}`,
    ]),
    "roles.yml": toYaml(roles),
    service_tokens: lines([
      `${kibanaServiceToken}:${hashPassword(kibanaServiceToken, credentials.kibanaTokenSecret)}`,
    ]),
  };
}

/**
 * The bearer token of Kibana's service account: four bytes of magic and the qualified name with its secret, in base64.
 * @see Elasticsearch, "Service account tokens"
 */
export function kibanaBearerToken(credentials: Credentials): string {
  const name = Buffer.from(`${kibanaServiceToken}:${credentials.kibanaTokenSecret}`, "utf8");
  return Buffer.concat([Buffer.from([0, 1, 0, 1]), name])
    .toString("base64")
    .replace(/=+$/, "");
}

/** The salt follows from user and password, so that a second run renders the same bytes; a 256-bit password needs no other. */
function hashPassword(user: string, password: string): string {
  const salt = createHash("sha256").update(`${user}\0${password}`).digest().subarray(0, saltSizeBytes);
  return encodePbkdf2({ password, salt, iterationCount, keySizeBytes });
}

/**
 * A password in the form that Elasticsearch verifies: `{PBKDF2}iterations$salt$key`, PBKDF2 with HMAC-SHA-512.
 * @see Elasticsearch, "User cache and password hash algorithms"
 */
export function encodePbkdf2(settings: {
  readonly password: string;
  readonly salt: Uint8Array;
  readonly iterationCount: number;
  readonly keySizeBytes: number;
}): string {
  const { password, salt } = settings;
  const key = pbkdf2Sync(password, salt, settings.iterationCount, settings.keySizeBytes, "sha512");
  return `{PBKDF2}${settings.iterationCount}$${Buffer.from(salt).toString("base64")}$${key.toString("base64")}`;
}
