import { connect as connectHttp2 } from "node:http2";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { createAuthority } from "../../../packages/collector/src/config/certificates.test-kit.ts";
import { CollectorError, systemClock } from "../../../packages/collector/src/model/index.ts";
import { createOtlpReceiver, type OtlpReceiver } from "../../../packages/collector/src/receive/index.ts";
import { createLog, createTelemetry } from "../../../packages/collector/src/telemetry/index.ts";
import { goodSpan, mebibyte, protobufOf, tracesJson } from "./bodies.ts";
import { protobufType } from "./client.ts";
import { fact, type OtlpServer } from "./fact.ts";
import { testOtlpServer } from "./suite.ts";

// QUARTET_OTLP_ENDPOINT=http://127.0.0.1:4318 tests that server instead of receivers of our own. More of it:
// QUARTET_OTLP_GRPC_ENDPOINT (else the same), QUARTET_OTLP_TLS_ENDPOINT and QUARTET_OTLP_TLS_GRPC_ENDPOINT with
// QUARTET_OTLP_TLS_CA (a file), QUARTET_OTLP_CORS_ORIGIN (one that may send). What is not named is left out.
const named = (name: string) => process.env[`QUARTET_OTLP_${name}`];
const addressOf = (endpoint: string) => endpoint.replace(/^https?:\/\//, "").replace(/\/$/, "");

const receivers: OtlpReceiver[] = [];
let server: OtlpServer;

async function open(settings: Partial<Parameters<typeof createOtlpReceiver>[0]> = {}): Promise<string> {
  const receiver = createOtlpReceiver({
    listen: [{ host: "127.0.0.1", port: 0 }],
    requestSizeBytesMax: 64 * mebibyte,
    tokens: () => [],
    append: () => Promise.resolve(),
    clock: systemClock,
    telemetry: createTelemetry(),
    log: createLog((line) => process.stderr.write(line), Date.now),
    ...settings,
  });
  receivers.push(receiver);
  return (await receiver.start())[0]!;
}

async function openOwn(): Promise<OtlpServer> {
  const corsOrigin = "https://shop.example";
  const tokens = ["a token"];
  const address = await open({ corsOrigins: [corsOrigin] });
  const authority = createAuthority();
  const { cert, key } = authority.issue("collector");
  const identity = { cert: Buffer.from(cert), key: Buffer.from(key), clientCa: undefined };
  const secure = await open({ tls: () => identity });
  const full = new CollectorError("QUARTET_JOURNAL_FULL", "the journal is full", { retryAfterMs: 2_000 });
  return {
    http: address,
    grpc: address,
    tls: { http: secure, grpc: secure, ca: authority.cert },
    corsOrigin,
    full: await open({ append: () => Promise.reject(full) }),
    guarded: { endpoint: await open({ tokens: () => tokens }), token: tokens[0]! },
    limited: await open({ rateLimit: { requestsPerSecond: 1 } }),
  };
}

function findNamed(endpoint: string): OtlpServer {
  const tls = named("TLS_ENDPOINT");
  const ca = named("TLS_CA");
  return {
    http: addressOf(endpoint),
    grpc: addressOf(named("GRPC_ENDPOINT") ?? endpoint),
    tls:
      tls === undefined || ca === undefined
        ? undefined
        : {
            http: addressOf(tls),
            grpc: addressOf(named("TLS_GRPC_ENDPOINT") ?? tls),
            ca: readFileSync(ca, "utf8"),
          },
    corsOrigin: named("CORS_ORIGIN"),
    full: undefined,
    guarded: undefined,
    limited: undefined,
  };
}

beforeAll(async () => {
  const endpoint = named("ENDPOINT");
  server = endpoint === undefined ? await openOwn() : findNamed(endpoint);
});
afterAll(() => Promise.all(receivers.map((receiver) => receiver.stop({ deadlineMs: 1_000 }))));

testOtlpServer(() => server);

describe("h2c", () => {
  fact("RFC 9113 (h2c)", "OTLP over HTTP comes over HTTP/2 as well", async () => {
    const session = connectHttp2(`http://${server.http}`);
    const call = (path: string, body: Uint8Array) =>
      new Promise<[status: unknown, contentType: unknown]>((resolve, reject) => {
        const stream = session.request({ ":method": "POST", ":path": path, "content-type": protobufType });
        stream.on("response", (headers) => resolve([headers[":status"], headers["content-type"]]));
        stream.on("error", reject);
        stream.resume();
        stream.end(body);
      });
    const body = protobufOf("spans", tracesJson(goodSpan));
    expect(await call("/v1/traces", body)).toEqual([200, protobufType]);
    expect(await call("/v1/traces", body.subarray(0, 20))).toEqual([400, protobufType]);
    expect(await call("/v1/nothing", body)).toEqual([404, protobufType]);
    session.destroy();
  });
});
