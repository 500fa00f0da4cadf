import { request } from "node:https";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { expect } from "vitest";
import { bodies, protobufOf } from "./bodies.ts";
import { callGrpcOn, callHttp, frameOf, openSocket, paths, protobufType, readUntil } from "./client.ts";
import { fact, factOf, type OtlpServer } from "./fact.ts";

/** Longer than any server should bear with a sender that sends nothing. */
const patienceMs = 35_000;

/** What a server owes to its clients whatever the others do: it cuts off who is too slow, speaks TLS, lets web pages in. */
export function testDoor(server: () => OtlpServer): void {
  const spans = protobufOf("spans", bodies.spans);
  const post = (headers: Record<string, string> = {}, method = "POST") =>
    callHttp(server().http, {
      path: paths.spans,
      method,
      headers: { "content-type": protobufType, ...headers },
      ...(method === "POST" ? { body: spans } : {}),
    });

  const head = `POST ${paths.spans} HTTP/1.1\r\nhost: a\r\ncontent-type: ${protobufType}\r\n`;
  for (const [what, said] of [
    ["that says nothing", ""],
    ["that says P", "P"],
    ["that says the preface of HTTP/2 and no more", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"],
    ["that stops in its headers", `${head}x-slow: `],
    ["that announces a megabyte and sends a byte", `${head}content-length: 1000000\r\n\r\nx`],
    ["that begins a chunk and stops", `${head}transfer-encoding: chunked\r\n\r\nffff\r\nx`],
  ] as const)
    fact(
      "robustness",
      `a client ${what} is cut off within half a minute, and others are served`,
      async () => {
        const socket = await openSocket(server().http);
        socket.write(said);
        const ended = isEnded(socket);
        expect((await post()).status).toBe(200);
        expect(await ended).toBe(true);
      },
    );

  fact("robustness", "five hundred idle connections disturb nobody", async () => {
    const sockets = await Promise.all(Array.from({ length: 500 }, () => openSocket(server().http)));
    for (const socket of sockets) socket.on("error", () => undefined);
    expect((await post()).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  factOf("tls", server, [
    "RFC 8446",
    "OTLP/HTTP comes over TLS",
    async ({ http, ca }) => expect(await postSecurely(http, { ca, body: spans })).toBe(200),
  ]);

  factOf("tls", server, [
    "RFC 7301",
    "gRPC comes over TLS, agreed on as h2",
    async ({ grpc, ca }) => {
      const session = connectHttp2(`https://${grpc}`, { ca });
      const { status } = await callGrpcOn(session, { method: "spans", frame: frameOf(spans) });
      expect([status, session.alpnProtocol]).toEqual([0, "h2"]);
      session.destroy();
    },
  ]);

  factOf("tls", server, [
    "robustness",
    "a plain request to a TLS port is told so",
    async ({ http }) => {
      const socket = await openSocket(http);
      socket.write(`${head}content-length: 0\r\n\r\n`);
      const answer = await readUntil(socket, "never");
      expect(answer).toMatch(/^HTTP\/1\.[01] 400 /);
      expect(answer).toMatch(/https|TLS/i);
    },
  ]);

  const preflight = (origin: string) =>
    post(
      { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
      "OPTIONS",
    );

  factOf("corsOrigin", server, [
    "OTLP/HTTP: CORS (Fetch standard)",
    "a page of a configured origin may send, and read the answer",
    async (origin) => {
      const asked = await preflight(origin);
      expect([200, 204]).toContain(asked.status);
      expect([origin, "*"]).toContain(asked.headers["access-control-allow-origin"]);
      expect(asked.headers["access-control-allow-methods"]).toMatch(/POST/);
      expect(asked.headers["access-control-allow-headers"]).toMatch(/content-type/i);
      const answer = await post({ origin });
      expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([200, origin]);
    },
  ]);

  factOf("corsOrigin", server, [
    "OTLP/HTTP: CORS (Fetch standard)",
    "a page of another origin may neither send nor read",
    async () => {
      const origin = "https://elsewhere.example";
      for (const { headers } of [await preflight(origin), await post({ origin })])
        expect(headers["access-control-allow-origin"]).toBeUndefined();
    },
  ]);
}

/** Whether the server ends or resets the connection before our patience ends. */
function isEnded(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(false);
      socket.destroy();
    }, patienceMs);
    const end = () => {
      clearTimeout(timer);
      resolve(true);
      socket.destroy();
    };
    socket.resume().once("end", end).once("close", end).on("error", end);
  });
}

function postSecurely(
  endpoint: string,
  { ca, body }: { readonly ca: string; readonly body: Uint8Array },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": protobufType };
    const outgoing = request(
      `https://${endpoint}${paths.spans}`,
      { method: "POST", ca, headers, agent: false },
      (response) => resolve(response.resume().statusCode!),
    );
    outgoing.on("error", reject).end(body);
  });
}
