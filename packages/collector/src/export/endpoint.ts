import { CollectorError, type Signal } from "../model/index.ts";

/**
 * The address that a signal is posted to: the endpoint with /v1/traces and so on behind its path.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key `export.<name>.endpoint`.
 * @see OTLP specification, "OTLP/HTTP Request"
 */
export function signalUrl(exporter: string, endpoint: string, signal: Signal): URL {
  const { url, refuse } = parseEndpoint(exporter, endpoint, "http://127.0.0.1:4318");
  if (url.search !== "") throw refuse(`${JSON.stringify(endpoint)} has a part behind "?"; leave it off`);
  if (/\/v1\/(traces|logs|metrics)\/?$/.test(url.pathname)) {
    throw refuse(`leave ${url.pathname} off; the path of each signal is appended`);
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/${signal}`;
  return url;
}

/**
 * The address that remote write posts to, which has its path and may have a query.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key `export.<name>.endpoint`.
 */
export function writeUrl(exporter: string, endpoint: string): URL {
  const example = "http://127.0.0.1:9090/api/v1/write";
  const { url, refuse } = parseEndpoint(exporter, endpoint, example);
  if (url.pathname === "/") {
    throw refuse(`${JSON.stringify(endpoint)} has no path; write it like ${example}`);
  }
  return url;
}

/**
 * The address of a gRPC server, whose methods have fixed paths.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key `export.<name>.endpoint`.
 */
export function grpcUrl(exporter: string, endpoint: string): URL {
  const { url, refuse } = parseEndpoint(exporter, endpoint, "http://127.0.0.1:4317");
  if (url.pathname !== "/" || url.search !== "")
    throw refuse(`leave ${url.pathname}${url.search} off; gRPC has paths of its own`);
  return url;
}

/**
 * The base address of a server that has paths of its own, behind a proxy's path or not.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key `export.<name>.endpoint`.
 */
export function baseUrl(exporter: string, endpoint: string): URL {
  const { url, refuse } = parseEndpoint(exporter, endpoint, "http://127.0.0.1:9200");
  if (url.search !== "") throw refuse(`${JSON.stringify(endpoint)} has a part behind "?"; leave it off`);
  return url;
}

function parseEndpoint(
  exporter: string,
  endpoint: string,
  example: string,
): { readonly url: URL; readonly refuse: (problem: string) => CollectorError } {
  const refuse = (problem: string): CollectorError =>
    new CollectorError("QUARTET_CONFIG_INVALID", `export.${exporter}.endpoint: ${problem}`);
  const text = JSON.stringify(endpoint);
  if (!URL.canParse(endpoint)) throw refuse(`${text} is no address; write it like ${example}`);
  const url = new URL(endpoint);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refuse(`${text} begins with ${url.protocol} instead of http: or https:; write it like ${example}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw refuse(`a user and password do not belong into the address; put them into export.${exporter}.auth`);
  }
  if (url.hash !== "") throw refuse(`${text} has a part behind "#"; leave it off`);
  return { url, refuse };
}
