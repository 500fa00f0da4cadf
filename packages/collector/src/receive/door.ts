import type { Server as Http1Server } from "node:http";
import type { Http2Server } from "node:http2";
import { createServer, type Socket } from "node:net";
import type { Clock, TlsIdentity } from "../model/index.ts";
import { clientAddress } from "./client.ts";
import { closeServer, listenAt, type Address } from "./listen.ts";
import { peek } from "./peek.ts";
import { buildHttp1Refusal, buildHttp2Refusal, sayFarewell } from "./plain-answer.ts";
import { createTlsGate } from "./tls-gate.ts";

/** Why a connection was cut off before it was a request. */
export type CutReason = "silent" | "too_many" | "handshake" | "plain";

/** Listeners that tell by the first bytes of a connection who is to serve it. */
export interface Door {
  readonly connectionCount: number;
  /** Resolves with host:port of every listener. A failure closes those that are open. @throws CollectorError QUARTET_ADDRESS_IN_USE */
  open(): Promise<readonly string[]>;
  /** Accepts nothing new; resolves when the last connection has ended. Those that have said nothing yet are cut off. */
  close(): Promise<void>;
  /** Cuts off every connection. */
  cut(): void;
}

interface DoorSettings {
  readonly listen: readonly Address[];
  readonly http1: Http1Server;
  readonly http2: Http2Server;
  /** Undefined: connections are plain. Otherwise a plain one is told so and ended. */
  readonly tls: (() => TlsIdentity) | undefined;
  readonly clock: Clock;
  /** How long a connection may take to say which protocol it speaks, and to shake hands. */
  readonly peekTimeoutMs: number;
  /** Of all addresses together; one client may have half of them. */
  readonly connectionsMax: number;
  /** Told of connections that were cut off here. */
  readonly onCut: (reason: CutReason) => void;
}

/** HTTP/2 begins with "PRI * HTTP/2.0" (RFC 9113, 3.4); no method of HTTP/1.1 begins with these three letters. */
const preface = Buffer.from("PRI");
/** A record of TLS begins with its type, which is 22 for a handshake (RFC 8446, 5.1). */
const tlsHandshake = 22;

export function createDoor(settings: DoorSettings): Door {
  const { listen, http1, http2, tls, clock, peekTimeoutMs, connectionsMax, onCut } = settings;
  const sockets = new Set<Socket>();
  /** Connections of each client's address. */
  const counts = new Map<string, number>();
  /** Those that have not said yet what they speak. */
  const waiting = new Set<Socket>();
  const servers = listen.map(() => createServer({ allowHalfOpen: true, noDelay: true }, welcome));
  const gate =
    tls === undefined
      ? undefined
      : createTlsGate({
          identity: tls,
          handshakeTimeoutMs: peekTimeoutMs,
          onOpen: (socket) => peekAt(socket, hasDecided, serve),
          onRefused: () => onCut("handshake"),
        });

  function welcome(socket: Socket): void {
    const client = clientAddress(socket);
    const count = counts.get(client) ?? 0;
    if (sockets.size >= connectionsMax || count >= connectionsMax / 2) {
      onCut("too_many");
      socket.destroy();
      return;
    }
    sockets.add(socket);
    counts.set(client, count + 1);
    socket.once("close", () => {
      sockets.delete(socket);
      const left = counts.get(client)! - 1;
      if (left === 0) counts.delete(client);
      else counts.set(client, left);
    });
    if (gate === undefined) {
      peekAt(socket, hasDecided, serve);
      return;
    }
    const isEnough = (bytes: Buffer) => bytes[0] === tlsHandshake || hasDecided(bytes);
    peekAt(socket, isEnough, (_, bytes) => {
      if (bytes[0] === tlsHandshake) gate.shakeHands(socket);
      else sendAway(socket, bytes);
    });
  }

  function peekAt(
    socket: Socket,
    isEnough: (bytes: Buffer) => boolean,
    onDecided: (socket: Socket, bytes: Buffer) => void,
  ): void {
    const leave = () => waiting.delete(socket);
    waiting.add(socket);
    socket.once("close", leave);
    peek(socket, {
      clock,
      timeoutMs: peekTimeoutMs,
      isEnough,
      onDecided(bytes) {
        leave();
        socket.off("close", leave);
        onDecided(socket, bytes);
      },
      onSilent: () => onCut("silent"),
    });
  }

  function serve(socket: Socket, bytes: Buffer): void {
    if (isLikePreface(bytes)) {
      // It takes what is buffered by itself, and must find the socket paused.
      http2.emit("connection", socket);
      // A client that has ended in mid-frame would be waited for until the session is idle for too long.
      socket.once("end", () => socket.destroySoon());
    } else {
      http1.emit("connection", socket);
      socket.resume();
    }
  }

  /** Tells a plain client, in its own protocol, that TLS is spoken here. */
  function sendAway(socket: Socket, bytes: Buffer): void {
    onCut("plain");
    const message = "this port takes TLS only: use https://";
    const isHttp2 = isLikePreface(bytes);
    const answer = isHttp2 ? buildHttp2Refusal(message) : buildHttp1Refusal("400 Bad Request", message);
    sayFarewell(socket, { answer, clock });
  }

  return {
    get connectionCount() {
      return sockets.size;
    },
    async open() {
      const taken: string[] = [];
      try {
        for (const [index, address] of listen.entries())
          taken.push(await listenAt(servers[index]!, address, "receive.otlp.listen"));
      } catch (error) {
        await Promise.all(servers.map(closeServer));
        throw error;
      }
      return taken;
    },
    async close() {
      const closed = Promise.all(servers.map(closeServer));
      for (const socket of waiting) socket.destroy();
      gate?.cut();
      await closed;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function isLikePreface(bytes: Buffer): boolean {
  return bytes.subarray(0, preface.length).equals(preface.subarray(0, bytes.length));
}

/** Whether the bytes tell HTTP/1.1 from HTTP/2. */
function hasDecided(bytes: Buffer): boolean {
  return bytes.length >= preface.length || !isLikePreface(bytes);
}
