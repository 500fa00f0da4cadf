import type { IncomingHttpHeaders } from "node:http";

/** Answers to web pages of other origins, which browsers ask for. */
export interface Cors {
  /** Headers of any answer to a request from this origin. */
  answerHeaders(origin: string | undefined): Readonly<Record<string, string>>;
  /** Headers of the answer to a preflight; undefined when the page may not send. */
  preflightHeaders(request: IncomingHttpHeaders): Readonly<Record<string, string>> | undefined;
}

/** Two hours, the most that any browser takes. */
const maxAgeSeconds = 7_200;

/**
 * `origins` are as browsers write them; `https://*.shop.example` stands for every host below it, `*` for all.
 * @see Fetch standard, "CORS protocol"
 */
export function createCors(origins: readonly string[]): Cors {
  const isOpen = origins.includes("*");
  const patterns = origins.map(patternOf);

  function answerHeaders(origin: string | undefined): Record<string, string> {
    if (origins.length === 0) return {};
    const isAllowed = origin !== undefined && (isOpen || patterns.some((pattern) => pattern.test(origin)));
    if (!isAllowed) return { vary: "Origin" };
    // sendBeacon always sends credentials. Whom everybody may ask gets none: a page anywhere could use a client's certificate.
    const permission: Record<string, string> = isOpen
      ? { "access-control-allow-origin": "*" }
      : { "access-control-allow-origin": origin, "access-control-allow-credentials": "true" };
    return { ...permission, "access-control-expose-headers": "Retry-After", vary: "Origin" };
  }

  return {
    answerHeaders,
    preflightHeaders({ origin, "access-control-request-headers": wanted }) {
      const headers = answerHeaders(origin);
      if (headers["access-control-allow-origin"] === undefined) return undefined;
      return {
        ...headers,
        vary: "Origin, Access-Control-Request-Headers",
        "access-control-allow-methods": "POST",
        // Whatever the page wants to send: a collector ignores what it does not know.
        ...(wanted === undefined ? {} : { "access-control-allow-headers": wanted }),
        "access-control-max-age": String(maxAgeSeconds),
      };
    },
  };
}

function patternOf(origin: string): RegExp {
  const [before = "", after] = origin.split("*");
  if (after === undefined) return new RegExp(`^${RegExp.escape(before)}$`);
  return new RegExp(`^${RegExp.escape(before)}[a-z0-9.-]+${RegExp.escape(after)}$`);
}
