import type { Socket } from "node:net";
import { basicAuthorization } from "./authorization.ts";

/** The proxy answered, but did not open the way. */
export class ProxyRefusedError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, reason: string) {
    super(`the proxy refused the connection: ${statusCode} ${reason}`.trim());
    this.statusCode = statusCode;
  }
}

/** A proxy that connects to the target slowly; longer than a request may take anyway. */
const openTimeoutMs = 30_000;
/** The answer to CONNECT is a few lines. */
const answerSizeBytesMax = 16 * 1024;

/** `Proxy-Authorization` of a proxy's address; undefined when it names nobody. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return basicAuthorization(decodeURIComponent(username), decodeURIComponent(password));
}

/**
 * Asks a proxy on `way` for a connection to `target`; from then on `way` leads there.
 * @see RFC 9110, "CONNECT"
 */
export function openTunnel(
  settings: {
    readonly way: Socket;
    readonly proxy: URL;
    readonly target: { readonly host: string; readonly port: number };
  },
  done: (error: Error | undefined, tunnel: Socket | undefined) => void,
): void {
  const { way, proxy, target } = settings;
  const authority = `${target.host.includes(":") ? `[${target.host}]` : target.host}:${target.port}`;
  const authorization = proxyAuthorization(proxy);
  let answer = Buffer.alloc(0);

  const settle = (error: Error | undefined): void => {
    way.removeListener("data", read);
    way.removeListener("error", settle);
    way.removeListener("close", fail);
    way.removeListener("timeout", fail);
    way.setTimeout(0);
    if (error === undefined) {
      done(undefined, way);
      return;
    }
    // Whatever else goes wrong with it is of no interest any more.
    way.on("error", () => undefined);
    way.destroy();
    done(error, undefined);
  };
  const fail = (): void => settle(new Error("the proxy did not answer"));
  const read = (chunk: Buffer): void => {
    answer = Buffer.concat([answer, chunk]);
    const end = answer.indexOf("\r\n\r\n");
    if (end < 0) {
      if (answer.length > answerSizeBytesMax) settle(new Error("the proxy's answer has no end"));
      return;
    }
    const [, status = "", reason = ""] = /^HTTP\/1\.\d (\d{3}) ?(.*)/.exec(answer.toString("latin1")) ?? [];
    if (!status.startsWith("2")) {
      settle(
        status === "" ? new Error("the proxy speaks no HTTP") : new ProxyRefusedError(Number(status), reason),
      );
      return;
    }
    way.pause();
    const rest = answer.subarray(end + 4);
    if (rest.length > 0) way.unshift(rest);
    settle(undefined);
  };

  way.on("data", read);
  way.on("error", settle);
  way.on("close", fail);
  way.on("timeout", fail);
  way.setTimeout(openTimeoutMs);
  way.write(
    [
      `CONNECT ${authority} HTTP/1.1`,
      `host: ${authority}`,
      ...(authorization === undefined ? [] : [`proxy-authorization: ${authorization}`]),
      "",
      "",
    ].join("\r\n"),
  );
}
