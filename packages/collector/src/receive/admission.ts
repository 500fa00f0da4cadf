import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { findToken } from "../model/index.ts";
import { clientAddress } from "./client.ts";
import { refuse, type Refusal } from "./outcome.ts";
import type { RateLimiter } from "./rate-limit.ts";

/** Says of every request who sends it, and whether that client may send now. */
export interface Admission {
  /** `hint` says how this protocol carries a token. */
  admit(headers: IncomingHttpHeaders, socket: Socket, hint: string): Admitted | Refusal;
}

export interface Admitted {
  readonly kind: "admitted";
  /** By token, else by certificate, else by address. */
  readonly client: string;
  /** The request's size after decompression, once it has been read. */
  spend(sizeBytes: number): void;
}

interface AdmissionSettings {
  /** Empty = no token needed. */
  readonly tokens: () => readonly string[];
  readonly limiter: RateLimiter;
}

export function createAdmission({ tokens, limiter }: AdmissionSettings): Admission {
  return {
    admit({ authorization }, socket, hint) {
      const known = tokens();
      const token = known.length === 0 ? undefined : findToken(authorization, known);
      if (token === undefined && known.length > 0) {
        return refuse("unauthenticated", `send a token of this collector ${hint}`);
      }
      const client = token === undefined ? peerOf(socket) : `token ${token}`;
      const entered = limiter.enter(client);
      if (entered !== "allowed") {
        const message = "this client sends more than receive.otlp.rate_limit lets it";
        return refuse("rate_limited", message, entered.retryAfterMs);
      }
      return { kind: "admitted", client, spend: (sizeBytes) => limiter.spend(client, sizeBytes) };
    },
  };
}

/** Not an instance of its own over HTTP/2, where it stands behind a proxy. */
function peerOf(socket: Socket): string {
  const shown = (socket as Partial<TLSSocket>).getPeerX509Certificate?.();
  return shown === undefined ? `address ${clientAddress(socket)}` : `certificate ${shown.fingerprint256}`;
}
