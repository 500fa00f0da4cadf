import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import { expect, test } from "vitest";
import { createAuthority, type Certificate } from "../config/certificates.test-kit.ts";
import type { TlsIdentity } from "../model/index.ts";
import { createLog } from "../telemetry/index.ts";
import { createApi } from "./index.ts";

const authority = createAuthority();

const identityOf = ({ cert, key }: Certificate, clientCa?: string): TlsIdentity => ({
  cert: Buffer.from(cert),
  key: Buffer.from(key),
  clientCa: clientCa === undefined ? undefined : Buffer.from(clientCa),
});

/** An API over TLS that ends with the test, and a way to ask it. */
async function start(tls: () => TlsIdentity) {
  const api = createApi({
    host: "127.0.0.1",
    port: 0,
    tokens: () => [],
    tls,
    answer: () => Promise.reject(new Error("nobody asks for data")),
    notReady: () => [],
    metrics: () => Promise.resolve({ contentType: "text/plain", body: "up 1\n" }),
    pages: [],
    log: createLog(() => undefined, Date.now),
  });
  const { port } = await api.start();
  const ask = (path: string, client?: Certificate) =>
    new Promise<{ status: number; server: string }>((resolve, reject) => {
      const settings = { agent: false, ca: authority.cert, ...client } as const;
      const outgoing = request(`https://127.0.0.1:${port}${path}`, settings, (response) => {
        const { subject } = (response.socket as TLSSocket).getPeerCertificate();
        response.resume();
        response.on("end", () => resolve({ status: response.statusCode!, server: String(subject.CN) }));
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
  return { ask, [Symbol.asyncDispose]: () => api.stop() };
}

test("the API is served over TLS, with the certificate of the moment", async () => {
  let identity = identityOf(authority.issue("first"));
  await using api = await start(() => identity);
  expect(await api.ask("/metrics")).toEqual({ status: 200, server: "first" });
  identity = identityOf(authority.issue("second"));
  expect(await api.ask("/metrics")).toEqual({ status: 200, server: "second" });
});

test("with a client CA only its certificates see data, and probes need none", async () => {
  await using api = await start(() => identityOf(authority.issue("api"), authority.cert));
  expect((await api.ask("/metrics", authority.issue("prometheus"))).status).toBe(200);
  expect((await api.ask("/metrics")).status).toBe(401);
  expect((await api.ask("/metrics", createAuthority("strange").issue("prometheus"))).status).toBe(401);
  expect((await api.ask("/-/ready")).status).toBe(200);
});
