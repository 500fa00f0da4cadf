import type { Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { TlsIdentity } from "../model/index.ts";

/** Turns connections that begin with a TLS handshake into plain ones. */
export interface TlsGate {
  /** Takes a paused connection whose bytes nobody has taken yet. */
  shakeHands(socket: Socket): void;
  /** Cuts off those that are still at it. */
  cut(): void;
}

interface TlsGateSettings {
  /** Another object when certificate or key changed. */
  readonly identity: () => TlsIdentity;
  readonly handshakeTimeoutMs: number;
  readonly onOpen: (socket: TLSSocket) => void;
  /** The handshake failed, or the client showed no certificate that is asked for. */
  readonly onRefused: () => void;
}

/** New connections use the identity of their moment; those that are open keep theirs. */
export function createTlsGate({ identity, handshakeTimeoutMs, onOpen, onRefused }: TlsGateSettings): TlsGate {
  let held = identity();
  const asksClients = held.clientCa !== undefined;
  const server = createServer({
    ...contextOf(held),
    // A client without a certificate is told so in the handshake, and one of another authority is cut off after it.
    requestCert: asksClients,
    rejectUnauthorized: asksClients,
    handshakeTimeout: handshakeTimeoutMs,
    ALPNProtocols: ["h2", "http/1.1"],
  });
  /** By both ends of the connection, which the socket before and after the handshake have in common. */
  const shaking = new Map<string, Socket>();
  server.on("secureConnection", (socket) => {
    shaking.delete(endsOf(socket));
    onOpen(socket);
  });
  server.on("tlsClientError", (_error, socket) => {
    onRefused();
    socket.destroy();
  });
  return {
    shakeHands(socket) {
      const now = identity();
      if (now !== held) {
        held = now;
        // Tickets of the old context end with it, and with them sessions that an authority vouched for who is gone.
        server.setSecureContext(contextOf(held));
      }
      const ends = endsOf(socket);
      shaking.set(ends, socket);
      socket.once("close", () => {
        if (shaking.get(ends) === socket) shaking.delete(ends);
      });
      server.emit("connection", socket);
    },
    cut() {
      for (const socket of shaking.values()) socket.destroy();
    },
  };
}

function contextOf({ cert, key, clientCa }: TlsIdentity): { cert: Buffer; key: Buffer; ca?: Buffer } {
  return { cert, key, ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
