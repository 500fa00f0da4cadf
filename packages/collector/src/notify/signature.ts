import { createHmac } from "node:crypto";

/**
 * Headers that let a receiver know a notification again and check where it comes from.
 * Several secrets give several signatures, so that one can be replaced while both are in use.
 * @param secrets `whsec_` and base64, or any other text as it is
 * @see Standard Webhooks specification, "Signature scheme"
 */
export function webhookHeaders(
  { id, body, nowMs }: { readonly id: string; readonly body: string; readonly nowMs: number },
  secrets: readonly string[],
): Record<string, string> {
  const timestamp = Math.floor(nowMs / 1_000).toString();
  const headers: Record<string, string> = { "webhook-id": id, "webhook-timestamp": timestamp };
  if (secrets.length === 0) return headers;
  const signatures = secrets.map((secret) => {
    const key = secret.startsWith("whsec_")
      ? Buffer.from(secret.slice("whsec_".length), "base64")
      : Buffer.from(secret);
    return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
  });
  return { ...headers, "webhook-signature": signatures.join(" ") };
}
