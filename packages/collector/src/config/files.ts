import { resolve } from "node:path";
import type { CollectorConfig } from "./config.ts";
import type { ExporterAuth, ExporterConfig } from "./exporter.ts";
import type { TlsFiles } from "./tls.ts";

/** The configuration with the names of all files absolute: as in Prometheus they are relative to the file that holds them, in `folder`. */
export function resolveFiles(config: CollectorConfig, folder: string): CollectorConfig {
  const at = (name: string): string => resolve(folder, name);
  const perhapsAt = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : at(name);
  const guardAt = <T extends { readonly tokensFile: string | undefined; readonly tls: TlsFiles | undefined }>(
    guarded: T,
  ): T => ({
    ...guarded,
    tokensFile: perhapsAt(guarded.tokensFile),
    tls: guarded.tls && {
      certFile: at(guarded.tls.certFile),
      keyFile: at(guarded.tls.keyFile),
      clientCaFile: perhapsAt(guarded.tls.clientCaFile),
    },
  });
  const exporterAt = (exporter: ExporterConfig): ExporterConfig => ({
    ...exporter,
    auth: authAt(exporter.auth, at),
    tls: {
      ...exporter.tls,
      caFile: perhapsAt(exporter.tls.caFile),
      certFile: perhapsAt(exporter.tls.certFile),
      keyFile: perhapsAt(exporter.tls.keyFile),
    },
  });
  return {
    ...config,
    receive: { ...config.receive, otlp: guardAt(config.receive.otlp) },
    export: config.export.map(exporterAt),
    rules: { ...config.rules, files: config.rules.files.map(at) },
    api: guardAt(config.api),
  };
}

function authAt(auth: ExporterAuth, at: (name: string) => string): ExporterAuth {
  switch (auth.kind) {
    case "none":
      return auth;
    case "bearer":
      return { ...auth, tokenFile: at(auth.tokenFile) };
    case "basic":
      return { ...auth, passwordFile: at(auth.passwordFile) };
  }
}
