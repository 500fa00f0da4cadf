import { createServer, request as sendRequest } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

/** An HTTP proxy on loopback: CONNECT, and absolute-form for plain HTTP. */
export interface TestProxy extends AsyncDisposable {
  readonly url: URL;
  /** What it was asked for, as in "CONNECT 127.0.0.1:443" and "POST http://127.0.0.1/". */
  readonly asked: readonly string[];
  /** Answers everybody so, instead of forwarding; undefined forwards. */
  refusal: number | undefined;
}

export async function startTestProxy(user?: { name: string; password: string }): Promise<TestProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const expected = user && `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
  const statusFor = (authorization: string | undefined): number | undefined =>
    proxy.refusal ?? (authorization === expected ? undefined : 407);
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const refused = statusFor(request.headers["proxy-authorization"]);
    if (refused !== undefined) {
      request.resume();
      response.writeHead(refused).end();
      return;
    }
    const { "proxy-authorization": _, ...headers } = request.headers;
    const onward = sendRequest(request.url!, { method: request.method!, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    request.pipe(onward);
  });
  server.on("connect", (request, socket: Socket) => {
    asked.push(`CONNECT ${request.url}`);
    const refused = statusFor(request.headers["proxy-authorization"]);
    if (refused !== undefined) {
      socket.end(`HTTP/1.1 ${refused} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const [host, port] = request.url!.split(":");
    const onward = connect(Number(port), host);
    sockets.add(onward);
    onward.on("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  if (user !== undefined) {
    url.username = encodeURIComponent(user.name);
    url.password = encodeURIComponent(user.password);
  }
  const proxy: TestProxy = {
    url,
    asked,
    refusal: undefined,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
