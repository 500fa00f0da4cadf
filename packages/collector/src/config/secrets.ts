const hidden = "<secret>";
/** Keys whose values let in or reach somebody: every header of an exporter, and the webhook's address, as in Alertmanager. */
const secretKeys: ReadonlySet<string> = new Set(["headers", "webhook"]);

/** A copy to show to others: what `secretKeys` hold, and passwords in addresses, are hidden. Secrets in files are only named anyway. */
export function withoutSecrets(value: unknown): unknown {
  if (typeof value === "string") return withoutPassword(value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      secretKeys.has(key) ? hide(inner) : withoutSecrets(inner),
    ]),
  );
}

function hide(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value === null ? null : hidden;
  return Object.fromEntries(Object.keys(value).map((key) => [key, hidden]));
}

function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${hidden}@`);
}
