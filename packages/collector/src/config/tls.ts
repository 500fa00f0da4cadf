import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { CollectorError, type TlsIdentity } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { openWatched } from "./watched-files.ts";

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Undefined: clients need no certificate. */
  readonly clientCaFile: string | undefined;
}

/**
 * Certificate and key of a listener, read again when the files change: a new object then, the very same one otherwise.
 * @throws CollectorError QUARTET_CONFIG_INVALID when they are of no use at first.
 */
export function openTls(settings: {
  readonly files: TlsFiles;
  /** Such as receive.otlp.tls. */
  readonly key: string;
  readonly nowMs: () => number;
  readonly log: Log;
}): () => TlsIdentity {
  const { certFile, keyFile, clientCaFile } = settings.files;
  const files = [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])];
  return openWatched({ ...settings, files, read: () => read(settings.files, settings.key) });
}

function read({ certFile, keyFile, clientCaFile }: TlsFiles, key: string): TlsIdentity {
  const identity = {
    cert: readPem(certFile, `${key}.cert_file`),
    key: readPem(keyFile, `${key}.key_file`),
    clientCa: clientCaFile === undefined ? undefined : readPem(clientCaFile, `${key}.client_ca_file`),
  };
  if (identity.clientCa !== undefined) {
    try {
      // The TLS library passes over what is no certificate, and would then let nobody in without saying why.
      void new X509Certificate(identity.clientCa);
    } catch (cause) {
      const problem = `${clientCaFile} holds no certificate: ${(cause as Error).message}`;
      throw new CollectorError("QUARTET_CONFIG_INVALID", `${key}.client_ca_file: ${problem}`, { cause });
    }
  }
  try {
    // As a listener will, which must not fail with the next connection.
    createSecureContext({
      cert: identity.cert,
      key: identity.key,
      ...(identity.clientCa === undefined ? {} : { ca: identity.clientCa }),
    });
  } catch (cause) {
    const problem = `${certFile} and ${keyFile} are no certificate with its key: ${(cause as Error).message}`;
    throw new CollectorError("QUARTET_CONFIG_INVALID", `${key}: ${problem}`, { cause });
  }
  return identity;
}

function readPem(file: string, key: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new CollectorError(
      "QUARTET_CONFIG_INVALID",
      `${key}: cannot read ${file}: ${(cause as Error).message}`,
      { cause },
    );
  }
}
