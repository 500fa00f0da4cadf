import { connect as connectHttp2, constants } from "node:http2";
import { request } from "node:https";
import { connect as connectTls } from "node:tls";
import { expect, test, vi } from "vitest";
import { createAuthority, type Certificate } from "../config/certificates.test-kit.ts";
import type { TlsIdentity } from "../model/index.ts";
import { encodeRequest } from "../otlp/index.ts";
import { buildFrame } from "./grpc-frame.ts";
import { dial, goodTraceId, open, spanOf, traces } from "./open.test-kit.ts";

const authority = createAuthority();
const server = authority.issue("collector");
const body = encodeRequest("spans", traces(spanOf(goodTraceId)));

const identityOf = ({ cert, key }: Certificate, clientCa?: string): TlsIdentity => ({
  cert: Buffer.from(cert),
  key: Buffer.from(key),
  clientCa: clientCa === undefined ? undefined : Buffer.from(clientCa),
});

/** A request over TLS and HTTP/1.1: its status, and whom the server said it is. */
function post(address: string, client?: Certificate): Promise<{ status: number; server: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `https://${address}/v1/traces`,
      {
        method: "POST",
        agent: false,
        ca: authority.cert,
        headers: { "content-type": "application/x-protobuf" },
        ...client,
      },
      (response) => {
        const { subject } = (response.socket as ReturnType<typeof connectTls>).getPeerCertificate();
        response.resume();
        response.on("end", () => resolve({ status: response.statusCode!, server: String(subject.CN) }));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

test("HTTP/1.1, HTTP/2 and gRPC come over TLS on the same port", async () => {
  const { address, appended } = await open({ tls: () => identityOf(server) });
  expect(await post(address)).toEqual({ status: 200, server: "collector" });
  const session = connectHttp2(`https://${address}`, { ca: authority.cert });
  const call = (path: string, contentType: string, message: Uint8Array) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": contentType });
      const said: unknown[] = [];
      stream.on("response", (headers) => said.push(headers[":status"]));
      stream.on("trailers", (trailers) => said.push(trailers["grpc-status"]));
      stream.on("close", () => resolve(said)).on("error", reject);
      stream.resume();
      stream.end(message);
    });
  expect(await call("/v1/traces", "application/x-protobuf", body)).toEqual([200]);
  const method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  expect(await call(method, "application/grpc", buildFrame(body))).toEqual([200, "0"]);
  expect(session.alpnProtocol).toBe("h2");
  session.destroy();
  expect(appended).toHaveLength(3);
});

test("a client without ALPN is told apart by its first bytes", async () => {
  const { address } = await open({ tls: () => identityOf(server) });
  const [host, port] = address.split(":") as [string, string];
  const socket = connectTls({ host, port: Number(port), ca: authority.cert });
  socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((resolve) => socket.once("close", resolve));
  expect(text).toMatch(/^HTTP\/1\.1 404 /);
});

test("a plain request to a TLS port is told so in its own protocol", async () => {
  const { address, metrics } = await open({ tls: () => identityOf(server) });
  const { socket, received, closed } = await dial(address);
  socket.write("POST /v1/traces HTTP/1.1\r\nhost: a\r\n\r\n");
  await closed;
  expect(received()).toMatch(/^HTTP\/1\.1 400 .*this port takes TLS only: use https:\/\//s);
  const session = connectHttp2(`http://${address}`);
  session.on("error", () => undefined);
  const [code, , reason] = await new Promise<[number, number, Buffer]>((resolve) =>
    session.once("goaway", (...said) => resolve(said as never)),
  );
  expect(code).toBe(constants.NGHTTP2_INADEQUATE_SECURITY);
  expect(Buffer.from(reason).toString()).toContain("use https://");
  session.destroy();
  expect(await metrics()).toContain('quartet_receive_cut_connections_total{reason="plain"} 2');
});

test("with a client CA only clients with its certificate are let in, whatever they resume", async () => {
  const { address, appended, metrics } = await open({ tls: () => identityOf(server, authority.cert) });
  expect((await post(address, authority.issue("shop"))).status).toBe(200);
  await expect(post(address)).rejects.toThrow(/certificate required|socket hang up|ECONNRESET|closed/);
  const stranger = createAuthority("somebody else").issue("shop");
  await expect(post(address, stranger)).rejects.toThrow(/hang up|ECONNRESET|unknown|closed|before secure/);
  expect(appended).toHaveLength(1);
  await vi.waitFor(async () =>
    expect(await metrics()).toContain('quartet_receive_cut_connections_total{reason="handshake"} 2'),
  );
});

test("a new certificate is shown to new connections, and open ones go on", async () => {
  let identity = identityOf(server);
  const { address } = await open({ tls: () => identity });
  const session = connectHttp2(`https://${address}`, { ca: authority.cert });
  await new Promise((resolve) => session.once("connect", resolve));
  identity = identityOf(authority.issue("collector renewed"));
  expect(await post(address)).toEqual({ status: 200, server: "collector renewed" });
  const status = await new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "GET", ":path": "/" });
    stream.on("response", (headers) => resolve(headers[":status"])).on("error", reject);
    stream.resume();
  });
  expect(status).toBe(404);
  session.destroy();
});

test("a handshake that does not go on is cut off, and one under way does not hold up the end", async () => {
  const { address, metrics } = await open({ tls: () => identityOf(server), headersTimeoutMs: 100 });
  const { socket, closed } = await dial(address);
  socket.write(Buffer.from([22, 3, 1, 0, 200]));
  await closed;
  expect(await metrics()).toContain('quartet_receive_cut_connections_total{reason="handshake"} 1');
  const patient = await open({ tls: () => identityOf(server) });
  const other = await dial(patient.address);
  other.socket.write(Buffer.from([22, 3, 1, 0, 200]));
  await vi.waitFor(async () => expect(await patient.metrics()).toContain("quartet_receive_connections 1"));
  await patient.receiver.stop({ deadlineMs: 60_000 });
  await other.closed;
});
