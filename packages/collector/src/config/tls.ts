import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { CollectorError, watchFiles, type TlsIdentity } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";

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
  readonly section: string;
  readonly nowMs: () => number;
  readonly log: Log;
}): () => TlsIdentity {
  const { certFile, keyFile, clientCaFile } = settings.files;
  return watchFiles({
    ...settings,
    files: { cert_file: certFile, key_file: keyFile, client_ca_file: clientCaFile },
    parse: ({ cert_file: cert, key_file: key, client_ca_file: clientCa }) => {
      if (clientCa !== undefined) checkAuthority(clientCa, settings);
      try {
        // As a listener will, which must not fail with the next connection.
        createSecureContext({ cert: cert!, key: key!, ...(clientCa === undefined ? {} : { ca: clientCa }) });
      } catch (cause) {
        const { message } = cause as Error;
        throw new TypeError(`${certFile} and ${keyFile} are no certificate with its key: ${message}`, {
          cause,
        });
      }
      return { cert: cert!, key: key!, clientCa };
    },
  });
}

/** The TLS library passes over what is no certificate, and would then let nobody in without saying why. */
function checkAuthority(
  pem: Buffer,
  { files, section }: { readonly files: TlsFiles; readonly section: string },
): void {
  try {
    void new X509Certificate(pem);
  } catch (cause) {
    const problem = `${files.clientCaFile} holds no certificate: ${(cause as Error).message}`;
    throw new CollectorError("QUARTET_CONFIG_INVALID", `${section}.client_ca_file: ${problem}`, { cause });
  }
}
