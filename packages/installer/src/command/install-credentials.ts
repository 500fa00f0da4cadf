import { randomBytes } from "node:crypto";
import { refusalOf, type ClusterClient } from "../cluster/index.ts";
import {
  createCredentials,
  credentialsSecretName,
  parseCredentials,
  type Credentials,
} from "../manifest/index.ts";
import { InstallerError } from "../output/index.ts";

/**
 * The values of an earlier run, and new ones for what it lacks: a second run changes nothing.
 * `isNew` says that the cluster had none.
 * @throws InstallerError QUARTET_CLUSTER_REFUSED when the Secret may not be read: new values would lock out every agent.
 */
export async function readCredentials(
  client: ClusterClient,
  namespace: string,
): Promise<{ readonly credentials: Credentials; readonly isNew: boolean }> {
  const answer = await client.request({
    method: "GET",
    path: `/api/v1/namespaces/${namespace}/secrets/${credentialsSecretName}`,
  });
  if (answer.status !== 200 && answer.status !== 404) {
    throw new InstallerError(
      "QUARTET_CLUSTER_REFUSED",
      `cannot read the Secret ${namespace}/${credentialsSecretName}, which keeps the tokens: ${refusalOf(answer).message}`,
    );
  }
  const { data } = answer.body as { readonly data?: Readonly<Record<string, string>> };
  const known = answer.status === 200 ? parseCredentials(data) : {};
  return { credentials: createCredentials(randomBytes, known), isNew: answer.status === 404 };
}
