import { CollectorError } from "../model/index.ts";
import type { Signal } from "./signal.ts";

/**
 * The address that a signal is posted to: the endpoint with /v1/traces and so on behind its path.
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key `export.<name>.endpoint`.
 * @see OTLP specification, "OTLP/HTTP Request"
 */
export function signalUrl(exporter: string, endpoint: string, signal: Signal): URL {
  const key = `export.${exporter}.endpoint`;
  const refuse = (problem: string): CollectorError =>
    new CollectorError("QUARTET_CONFIG_INVALID", `${key}: ${problem}`);
  const example = `write it like http://127.0.0.1:4318`;
  if (!URL.canParse(endpoint)) throw refuse(`${JSON.stringify(endpoint)} is no address; ${example}`);
  const url = new URL(endpoint);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refuse(
      `${JSON.stringify(endpoint)} begins with ${url.protocol} instead of http: or https:; ${example}`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw refuse(
      `a user and password do not belong into the address; put them into export.${exporter}.headers`,
    );
  }
  if (url.search !== "" || url.hash !== "") {
    throw refuse(
      `${JSON.stringify(endpoint)} has a part behind "${url.search === "" ? "#" : "?"}"; leave it off`,
    );
  }
  if (/\/v1\/(traces|logs|metrics)\/?$/.test(url.pathname)) {
    throw refuse(`leave ${url.pathname} off; the path of each signal is appended`);
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/${signal}`;
  return url;
}
