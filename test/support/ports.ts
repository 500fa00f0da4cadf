import { randomInt } from "node:crypto";
import { createServer } from "node:net";

const given = new Set<number>();
/** Below 32768, where Linux begins to take ports for outgoing connections; above the ports that services are known by. */
const portMin = 20_000;
const portMax = 32_000;
const attemptCountMax = 200;

/**
 * Gives a TCP port of 127.0.0.1 on which nothing listens, for a program that cannot be told to listen on port 0.
 * The port is not held: use it at once. No port is given twice by one process; two processes choose at random from 12,000.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptCountMax; attempt += 1) {
    const port = randomInt(portMin, portMax);
    if (given.has(port)) continue;
    if (!(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(
    `No free port between ${portMin} and ${portMax} on 127.0.0.1 after ${attemptCountMax} attempts`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
