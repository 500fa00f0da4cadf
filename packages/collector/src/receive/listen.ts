import type { AddressInfo, Server } from "node:net";
import { CollectorError } from "../model/index.ts";

export interface Address {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

const problems: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use: stop the other program",
  EACCES: "may not be taken: ports below 1024 need rights that this process has not",
  EADDRNOTAVAIL: "is no address of this machine: name one that is",
  ENOTFOUND: "has a host name that cannot be resolved: mend it",
};

/**
 * Resolves with host:port. `key` is the one of the configuration that names the address.
 * @throws CollectorError QUARTET_ADDRESS_IN_USE
 */
export function listenAt(server: Server, { host, port }: Address, key: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // It stays: a server that listens tells of connections it could not accept (no file descriptor left), and goes on.
    server.on("error", (cause: NodeJS.ErrnoException) => {
      const problem = problems[cause.code ?? ""] ?? `cannot be opened (${cause.message}): mend it`;
      const message = `${formatAddress(host, port)} ${problem}, or set ${key} to other addresses`;
      reject(new CollectorError("QUARTET_ADDRESS_IN_USE", message, { cause }));
    });
    server.listen(port, host, () => resolve(formatAddress(host, (server.address() as AddressInfo).port)));
  });
}

function formatAddress(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Resolves when the last connection has ended. */
export function closeServer(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => server.close(() => resolve()));
}
