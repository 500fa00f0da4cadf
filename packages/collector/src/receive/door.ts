import type { Server as Http1Server } from "node:http";
import type { Http2Server } from "node:http2";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { CollectorError, type Clock } from "../model/index.ts";

export interface Address {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

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
  readonly clock: Clock;
  /** How long a connection may take to say which protocol it speaks. */
  readonly peekTimeoutMs: number;
  /** Told of connections that were cut off here. */
  readonly onCut: (reason: "silent" | "too_many") => void;
}

/** HTTP/2 begins with "PRI * HTTP/2.0" (RFC 9113, 3.4); no method of HTTP/1.1 begins with these three letters. */
const preface = Buffer.from("PRI");
/** At each address; one service instance needs one or two. */
const connectionsMax = 8_192;

export function createDoor({ listen, http1, http2, clock, peekTimeoutMs, onCut }: DoorSettings): Door {
  const sockets = new Set<Socket>();
  /** Those that have not said yet what they speak. */
  const waiting = new Set<Socket>();
  const servers = listen.map(() => {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, welcome);
    server.maxConnections = connectionsMax;
    return server.on("drop", () => onCut("too_many"));
  });

  function welcome(socket: Socket): void {
    sockets.add(socket);
    waiting.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      waiting.delete(socket);
    });
    const cancel = clock.setTimer(() => {
      onCut("silent");
      socket.destroy();
    }, peekTimeoutMs);
    // The bytes are held here until they decide: given back to the stream they would come again at once, and again.
    const held: Buffer[] = [];
    const leave = () => {
      cancel();
      waiting.delete(socket);
      socket.off("data", take).off("end", abandon).off("error", abandon);
    };
    const abandon = () => {
      leave();
      socket.destroy();
    };
    const take = (chunk: Buffer) => {
      held.push(chunk);
      const bytes = held.length === 1 ? chunk : Buffer.concat(held);
      const isLikePreface = bytes.subarray(0, preface.length).equals(preface.subarray(0, bytes.length));
      if (isLikePreface && bytes.length < preface.length) return;
      leave();
      socket.pause();
      socket.unshift(bytes);
      if (isLikePreface) {
        // It takes what is buffered by itself, and must find the socket paused.
        http2.emit("connection", socket);
        // A client that has ended in mid-frame would be waited for until the session is idle for too long.
        socket.once("end", () => socket.destroySoon());
      } else {
        http1.emit("connection", socket);
        socket.resume();
      }
    };
    socket.on("data", take).on("end", abandon).on("error", abandon);
  }

  return {
    get connectionCount() {
      return sockets.size;
    },
    async open() {
      const taken: string[] = [];
      try {
        for (const [index, address] of listen.entries()) taken.push(await listenAt(servers[index]!, address));
      } catch (error) {
        await Promise.all(servers.map(closeServer));
        throw error;
      }
      return taken;
    },
    async close() {
      const closed = Promise.all(servers.map(closeServer));
      for (const socket of waiting) socket.destroy();
      await closed;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

const problems: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use: stop the other program",
  EACCES: "may not be taken: ports below 1024 need rights that this process has not",
  EADDRNOTAVAIL: "is no address of this machine: name one that is",
  ENOTFOUND: "has a host name that cannot be resolved: mend it",
};

function listenAt(server: Server, { host, port }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const problem = problems[cause.code ?? ""] ?? `cannot be opened (${cause.message}): mend it`;
      const message = `${formatAddress(host, port)} ${problem}, or set receive.otlp.listen to other addresses`;
      reject(new CollectorError("QUARTET_ADDRESS_IN_USE", message, { cause }));
    });
    server.listen(port, host, () => resolve(formatAddress(host, (server.address() as AddressInfo).port)));
  });
}

function formatAddress(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function closeServer(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => server.close(() => resolve()));
}
