import { readFileSync } from "node:fs";
import type { Environment } from "./environment.ts";

type SignalName = "TRACES" | "METRICS" | "LOGS";

/** Where one signal goes. */
export interface EndpointConfig {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: "none" | "gzip";
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

const baseDefault = "http://127.0.0.1:4318";

/**
 * The endpoint of a signal: its own variable as it stands, else the common one with `/v1/traces`, `/v1/metrics` or `/v1/logs` behind.
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export function parseEndpoint(environment: Environment, signal: SignalName): EndpointConfig {
  const own = environment.url([`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`])?.url;
  const url = own ?? underBase(environment, signal);
  const headers =
    environment.pairs(`OTEL_EXPORTER_OTLP_${signal}_HEADERS`) ??
    environment.pairs("OTEL_EXPORTER_OTLP_HEADERS") ??
    {};
  return {
    url,
    headers,
    timeoutMs: environment.integer([`OTEL_EXPORTER_OTLP_${signal}_TIMEOUT`, "OTEL_EXPORTER_OTLP_TIMEOUT"], {
      otherwise: 10_000,
      min: 1,
      max: 600_000,
    }),
    compression: parseCompression(environment, signal, url),
    tls: parseTls(environment, signal),
  };
}

function underBase(environment: Environment, signal: SignalName): URL {
  const url = new URL(environment.url(["OTEL_EXPORTER_OTLP_ENDPOINT"])?.url ?? baseDefault);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/${signal.toLowerCase()}`;
  return url;
}

/** On this machine compressing costs more than it saves; over a network it is the other way round. */
function parseCompression(environment: Environment, signal: SignalName, url: URL): "none" | "gzip" {
  const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
  const otherwise = isLoopback ? "none" : "gzip";
  const name = [`OTEL_EXPORTER_OTLP_${signal}_COMPRESSION`, "OTEL_EXPORTER_OTLP_COMPRESSION"].find(
    (candidate) => environment.text(candidate) !== undefined,
  );
  return name === undefined ? otherwise : environment.choice(name, ["none", "gzip"], otherwise);
}

function parseTls(environment: Environment, signal: SignalName): EndpointConfig["tls"] {
  const read = (part: string): Buffer | undefined => {
    const found = environment.text(`OTEL_EXPORTER_OTLP_${signal}_${part}`, `OTEL_EXPORTER_OTLP_${part}`);
    if (found === undefined) return undefined;
    try {
      return readFileSync(found.value);
    } catch (error) {
      environment.problem(
        found.name,
        found.value,
        `cannot be read (${(error as Error).message}); it is ignored`,
      );
      return undefined;
    }
  };
  const ca = read("CERTIFICATE");
  const cert = read("CLIENT_CERTIFICATE");
  const key = read("CLIENT_KEY");
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
