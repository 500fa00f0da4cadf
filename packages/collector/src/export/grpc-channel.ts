import { openAuthorization } from "./authorization.ts";
import { createDialer } from "./dial.ts";
import { GrpcLink, type GrpcAnswer } from "./grpc-link.ts";
import { configuredHeaders } from "./headers.ts";
import type { TransportSettings } from "./transport.ts";

export interface GrpcCall {
  /** As in "/package.Service/Method". */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The message with its prefix, sent one piece after another; must not change before the promise has settled. */
  readonly body: readonly Uint8Array[];
  readonly signal: AbortSignal;
}

/** Unary calls to one server over one HTTP/2 connection, which is made anew when it is gone. */
export interface GrpcChannel {
  readonly url: URL;
  /** Rejects with the error of the network (`code`), or with the signal's reason. */
  call(request: GrpcCall): Promise<GrpcAnswer>;
  close(): void;
}

export interface GrpcChannelSettings extends TransportSettings {
  /** http: means HTTP/2 without TLS, and without asking (h2c). */
  readonly url: URL;
}

/**
 * Liveness is left to TCP's keep-alive and to each call's own deadline, after which another connection is taken: servers end
 * connections that ping more often than every five minutes (gRPC, "Client-side Keepalive", too_many_pings).
 * @throws CollectorError QUARTET_CONFIG_INVALID naming the key when a header, secret, certificate or key is of no use at the start.
 * @see gRPC over HTTP/2
 */
export function createGrpcChannel(settings: GrpcChannelSettings): GrpcChannel {
  const { url } = settings;
  const dialer = createDialer(settings);
  const authorization = openAuthorization(settings.auth, settings);
  const common = configuredHeaders(settings.exporter, settings.headers);
  let link: GrpcLink | undefined;

  const openLink = (): GrpcLink => {
    const opened: GrpcLink = new GrpcLink(dialer, url, () => {
      if (link === opened) link = undefined;
    });
    return opened;
  };

  return {
    url,
    async call({ path, headers, body, signal }) {
      if (link !== undefined && link.identity !== dialer.identity()) link.retire();
      link ??= openLink();
      const authorized = authorization();
      const all = {
        ...common,
        ...(authorized === undefined ? {} : { authorization: authorized }),
        ...headers,
        ":method": "POST",
        ":path": path,
        te: "trailers",
        "content-type": "application/grpc",
        "user-agent": "quartet-collector",
      };
      return await link.call(all, body, signal);
    },
    close: () => link?.destroy(),
  };
}
