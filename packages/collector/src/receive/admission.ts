import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { findToken, type CollectorError, type Stream } from "../model/index.ts";
import type { Budget } from "./budget.ts";
import { clientAddress } from "./client.ts";
import { refusalOf, refuse, type Refusal } from "./outcome.ts";
import type { RateLimiter } from "./rate-limit.ts";

/** Says of a request who sends it and whether that client may send now. `hint` says how this protocol carries a token. */
export type Admit = (headers: IncomingHttpHeaders, socket: Socket, hint: string) => Admitted | Refusal;

export interface Admission {
  readonly admit: Admit;
  /** For requests that the API's port has let in; they share everything with the others. */
  readonly admitUnasked: Admit;
}

export interface Admitted {
  readonly kind: "admitted";
  /** Room for one request; it has none yet. */
  open(stream: Stream): Room;
  /** The request's size after decompression, once it has been read. */
  spend(sizeBytes: number): void;
}

/** What is kept for a request: memory, and space in the journal. */
export interface Room {
  /** Undefined when there is so much more; otherwise what was kept stays kept. */
  grow(sizeBytes: number): Refusal | undefined;
  /** Gives everything back. Safe to call twice. */
  release(): void;
}

interface AdmissionSettings {
  /** Empty = no token needed. */
  readonly tokens: () => readonly string[];
  /** Those of the API's port, which has asked for them already: they say who a client is. */
  readonly apiTokens: () => readonly string[];
  readonly limiter: RateLimiter;
  readonly budget: Budget;
  /** What the journal would refuse so many bytes with. */
  readonly journalRefusal: (stream: Stream, sizeBytes: number) => CollectorError | undefined;
}

export function createAdmission(settings: AdmissionSettings): Admission {
  const { tokens, apiTokens, limiter, budget, journalRefusal } = settings;
  /** Of requests under way, which will all want to be journaled. */
  const keptBytes: Record<Stream, number> = { spans: 0, logs: 0, metrics: 0, series: 0 };

  function open(client: string, stream: Stream): Room {
    const reservation = budget.open(client);
    let sizeBytesKept = 0;
    return {
      grow(sizeBytes) {
        const full = journalRefusal(stream, keptBytes[stream] + sizeBytes);
        if (full !== undefined) return refusalOf(full);
        if (!reservation.grow(sizeBytes)) {
          const message = "requests under way take all the memory there is, or this client's share of it";
          return refuse("memory_full", message, budget.retryAfterMs());
        }
        sizeBytesKept += sizeBytes;
        keptBytes[stream] += sizeBytes;
        return undefined;
      },
      release() {
        reservation.release();
        keptBytes[stream] -= sizeBytesKept;
        sizeBytesKept = 0;
      },
    };
  }

  function admitClient(client: string): Admitted | Refusal {
    const entered = limiter.enter(client);
    if (entered !== "allowed") {
      const message = "this client sends more than receive.otlp.rate_limit lets it";
      return refuse("rate_limited", message, entered.retryAfterMs);
    }
    return {
      kind: "admitted",
      open: (stream) => open(client, stream),
      spend: (sizeBytes) => limiter.spend(client, sizeBytes),
    };
  }

  return {
    admit({ authorization }, socket, hint) {
      const known = tokens();
      if (known.length === 0) return admitClient(peerOf(socket));
      const token = findToken(authorization, known);
      return token === undefined
        ? refuse("unauthenticated", `send a token of this collector ${hint}`)
        : admitClient(`token ${token}`);
    },
    admitUnasked({ authorization }, socket) {
      const token = findToken(authorization, apiTokens());
      return admitClient(token === undefined ? peerOf(socket) : `token ${token}`);
    },
  };
}

/** By certificate, else by address. Over HTTP/2 the socket stands behind a proxy, which is no instance of its class. */
function peerOf(socket: Socket): string {
  const shown = (socket as Partial<TLSSocket>).getPeerX509Certificate?.();
  return shown === undefined ? `address ${clientAddress(socket)}` : `certificate ${shown.fingerprint256}`;
}
