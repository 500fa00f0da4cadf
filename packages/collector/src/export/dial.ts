import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, type SecureContext } from "node:tls";
import { watchFiles } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { openTunnel } from "./tunnel.ts";

export interface TlsSettings {
  /** The system's authorities when not given. */
  readonly caFile: string | undefined;
  /** Both or none. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Asked for and checked instead of the address' host. */
  readonly serverName: string | undefined;
  readonly insecureSkipVerify: boolean;
}

export interface DialSettings {
  readonly exporter: string;
  readonly tls: TlsSettings;
  /** An HTTP proxy, perhaps with user and password in front of the host. */
  readonly proxy: URL | undefined;
  readonly nowMs: () => number;
  readonly log: Log;
}

export interface DialRequest {
  readonly url: URL;
  /** Protocols to agree on in TLS. */
  readonly alpn: readonly string[];
  /** With a proxy and a plain address: a way through the proxy, or only to it. */
  readonly isTunnelled: boolean;
}

/** Opens connections to one back end. */
export interface Dialer {
  readonly proxy: URL | undefined;
  /** Another object after a certificate or key changed: connections made before belong to the old identity. */
  identity(): object;
  /** Gives a socket that may still be connecting: what goes wrong from there on is its "error". */
  dial(request: DialRequest, done: (error: Error | undefined, socket: Socket | undefined) => void): void;
}

/** A peer that vanished without a word is noticed after this, even when nothing is being sent. */
const keepAlive = { keepAlive: true, keepAliveInitialDelay: 30_000, noDelay: true };

/** @throws CollectorError QUARTET_CONFIG_INVALID naming the key when a certificate or key is of no use. */
export function createDialer({ exporter, tls, proxy, nowMs, log }: DialSettings): Dialer {
  const context = watchFiles({
    files: { ca_file: tls.caFile, cert_file: tls.certFile, key_file: tls.keyFile },
    section: `export.${exporter}.tls`,
    parse: ({ ca_file: ca, cert_file: cert, key_file: key }): SecureContext =>
      createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }),
    nowMs,
    log,
  });

  const secure = ({ url, alpn }: DialRequest, tunnel?: Socket): Socket => {
    const { host, port } = addressOf(url);
    return connectTls({
      ...(tunnel === undefined ? { port, ...keepAlive } : { socket: tunnel }),
      host,
      // An address of digits cannot be asked for by name (RFC 6066, section 3), only checked.
      servername: tls.serverName ?? (isIP(host) === 0 ? host : ""),
      secureContext: context(),
      rejectUnauthorized: !tls.insecureSkipVerify,
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
    });
  };

  return {
    proxy,
    identity: context,
    dial(request, done) {
      const isSecure = request.url.protocol === "https:";
      if (proxy === undefined) {
        done(undefined, isSecure ? secure(request) : connectTcp({ ...addressOf(request.url), ...keepAlive }));
        return;
      }
      const way = connectTcp({ ...addressOf(proxy), ...keepAlive });
      if (!isSecure && !request.isTunnelled) {
        done(undefined, way);
        return;
      }
      openTunnel({ way, proxy, target: addressOf(request.url) }, (error, tunnel) => {
        if (tunnel === undefined) done(error, undefined);
        else done(undefined, isSecure ? secure(request, tunnel) : tunnel);
      });
    },
  };
}

function addressOf(url: URL): { readonly host: string; readonly port: number } {
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: portOf(url) };
}

/** The address' port, or the protocol's own. */
export function portOf({ protocol, port }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}
