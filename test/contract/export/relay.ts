import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A wire between an exporter and its back end that can break in the ways wires do. */
export interface Relay extends AsyncDisposable {
  readonly endpoint: string;
  readonly connectionCount: number;
  /** Bytes of the exporter that went into the void since `freeze`. */
  readonly frozenSizeBytes: number;
  /** A connection is reset once so many bytes of answers have passed. */
  resetAfterBytes: number;
  /** Nothing passes any more on the connections that are there, and nobody is told. */
  freeze(): void;
}

export async function startRelay(targetEndpoint: string): Promise<Relay> {
  const target = new URL(targetEndpoint);
  const sockets = new Set<Socket>();
  const frozen = new Set<Socket>();
  let connectionCount = 0;
  let frozenSizeBytes = 0;
  const server = createServer((near) => {
    connectionCount += 1;
    const far = connect(Number(target.port), target.hostname);
    let passedSizeBytes = 0;
    near.on("data", (chunk) => {
      if (frozen.has(near)) frozenSizeBytes += chunk.length;
      else far.write(chunk);
    });
    far.on("data", (chunk: Buffer) => {
      if (frozen.has(near)) return;
      passedSizeBytes += chunk.length;
      if (passedSizeBytes > relay.resetAfterBytes) near.resetAndDestroy();
      else near.write(chunk);
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        if (!frozen.has(near)) other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const relay: Relay = {
    endpoint: `${target.protocol}//127.0.0.1:${port}`,
    get connectionCount() {
      return connectionCount;
    },
    get frozenSizeBytes() {
      return frozenSizeBytes;
    },
    resetAfterBytes: Infinity,
    freeze() {
      for (const socket of sockets) frozen.add(socket);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return relay;
}
