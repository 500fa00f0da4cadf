import { connect as connectHttp2 } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../packages/collector/src/model/index.ts";
import { createOtlpReceiver, type OtlpReceiver } from "../../../packages/collector/src/receive/index.ts";
import { createLog, createTelemetry } from "../../../packages/collector/src/telemetry/index.ts";
import { goodSpan, protobufOf, tracesJson } from "./bodies.ts";
import { protobufType } from "./client.ts";
import { testOtlpServer, type OtlpEndpoint } from "./suite.ts";

/** `host:port`, or `host:port,host:port` for HTTP and gRPC apart: tests that endpoint instead of a receiver of our own. */
const elsewhere = process.env["QUARTET_OTLP_ENDPOINT"];

let receiver: OtlpReceiver | undefined;
let endpoint: OtlpEndpoint;

beforeAll(async () => {
  if (elsewhere !== undefined) {
    const [http, grpc = http] = elsewhere.split(",") as [string, string?];
    endpoint = { http, grpc };
    return;
  }
  receiver = createOtlpReceiver({
    listen: [{ host: "127.0.0.1", port: 0 }],
    requestSizeBytesMax: 64 * 1024 * 1024,
    tokens: () => [],
    append: () => Promise.resolve(),
    clock: systemClock,
    telemetry: createTelemetry(),
    log: createLog((line) => process.stderr.write(line), Date.now),
  });
  const [address] = await receiver.start();
  endpoint = { http: address!, grpc: address! };
});
afterAll(() => receiver?.stop({ deadlineMs: 1_000 }));

testOtlpServer(() => endpoint);

describe("h2c", () => {
  test("OTLP over HTTP comes over HTTP/2 as well", async () => {
    const session = connectHttp2(`http://${endpoint.http}`);
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
