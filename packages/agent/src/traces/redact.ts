const mask = "REDACTED";

/**
 * Query parameters whose values are secrets: those that the semantic conventions name (sig, Signature, AWSAccessKeyId,
 * X-Goog-Signature), the rest of a signed AWS address, and the names under which people pass tokens and passwords.
 * @see https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
 */
const secretNames: ReadonlySet<string> = new Set([
  "sig",
  "signature",
  "awsaccesskeyid",
  "x-goog-signature",
  "x-amz-signature",
  "x-amz-credential",
  "x-amz-security-token",
  "access_token",
  "id_token",
  "refresh_token",
  "token",
  "auth",
  "authorization",
  "jwt",
  "api_key",
  "api-key",
  "apikey",
  "key",
  "password",
  "passwd",
  "secret",
  "client_secret",
]);

/** A query (without "?") with the values of secret parameters masked; names are compared without case. */
export function redactQuery(query: string): string {
  if (!query.includes("=")) return query;
  return query
    .split("&")
    .map((pair) => {
      const end = pair.indexOf("=");
      return end > 0 && secretNames.has(pair.slice(0, end).toLowerCase())
        ? `${pair.slice(0, end)}=${mask}`
        : pair;
    })
    .join("&");
}

/** An absolute or relative address with user name, password and secret parameters masked; the fragment stays. */
export function redactUrl(url: string): string {
  if (!url.includes("?") && !url.includes("@")) return url;
  const open = url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#@]*@/i, `$1${mask}:${mask}@`);
  const start = open.indexOf("?");
  if (start < 0) return open;
  const fragment = open.indexOf("#", start);
  const end = fragment < 0 ? open.length : fragment;
  return open.slice(0, start + 1) + redactQuery(open.slice(start + 1, end)) + open.slice(end);
}
