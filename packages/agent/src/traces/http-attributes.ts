/** Methods that may be told apart; whatever else a client invents is one. */
const knownMethods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "QUERY",
]);

/**
 * The value of http.request.method: bounded, so that it can be a label.
 * @see https://opentelemetry.io/docs/specs/semconv/registry/attributes/http/
 */
export function knownMethod(method: string): string {
  return knownMethods.has(method) ? method : "_OTHER";
}

/** The name of a span: `METHOD route`, or `METHOD`; an unknown method reads HTTP (semantic conventions, "HTTP spans: Name"). */
export function spanName(method: string, route?: string): string {
  const known = method === "_OTHER" ? "HTTP" : method;
  return route === undefined || route === "" ? known : `${known} ${route}`;
}

/** Path and query of a request's target, which may be an absolute address (to a proxy) or `*`. */
export function splitTarget(target: string): { path: string; query: string } {
  const absolute = target.startsWith("/") ? undefined : /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(target)?.[0];
  const relative = absolute === undefined ? target : target.slice(absolute.length) || "/";
  const start = relative.indexOf("?");
  return start < 0
    ? { path: relative, query: "" }
    : { path: relative.slice(0, start), query: relative.slice(start + 1) };
}

/** Name and port from a Host header; the port is undefined when it is not there. */
export function splitHost(host: string): { address: string; port: number | undefined } {
  // The name of an IPv6 address has colons inside brackets.
  const colon = host.lastIndexOf(":");
  if (colon <= host.lastIndexOf("]")) return { address: unbracket(host), port: undefined };
  const port = Number(host.slice(colon + 1));
  return {
    address: unbracket(host.slice(0, colon)),
    port: Number.isInteger(port) && port > 0 ? port : undefined,
  };
}

function unbracket(name: string): string {
  return name.startsWith("[") && name.endsWith("]") ? name.slice(1, -1) : name;
}

/** The port that a scheme means when none is given. */
export function defaultPort(scheme: string): number {
  return scheme === "https" ? 443 : 80;
}

/** The value of error.type for an exception: its code, which tells more than "Error", else its class. */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return "_OTHER";
  const code = (error as NodeJS.ErrnoException).code;
  if (typeof code === "string" && code !== "") return code;
  const cause = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return typeof cause === "string" && cause !== "" ? cause : error.name;
}
