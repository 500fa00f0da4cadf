import { connect, type IncomingHttpHeaders } from "node:http2";
import { expect, test } from "vitest";
import { CollectorError } from "../model/index.ts";
import { encodeRequest } from "../otlp/index.ts";
import { buildFrame, encodeGrpcMessage, parseFrame } from "./grpc-frame.ts";
import { createTestClock, goodTraceId, open, spanOf, traces } from "./open.test-kit.ts";

const body = encodeRequest("spans", traces(spanOf(goodTraceId)));

/** A unary Export of spans; answered with all headers and trailers. */
async function call(url: string, headers: Record<string, string> = {}): Promise<IncomingHttpHeaders> {
  const session = connect(url);
  const answer = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
      "content-type": "application/grpc+proto",
      te: "trailers",
      ...headers,
    });
    let all: IncomingHttpHeaders = {};
    stream.on("response", (given) => (all = { ...all, ...given }));
    stream.on("trailers", (given) => (all = { ...all, ...given }));
    stream.on("close", () => resolve(all));
    stream.on("error", reject);
    stream.resume();
    stream.end(buildFrame(body));
  });
  session.destroy();
  return answer;
}

test("a batch that came over gRPC is in the journal byte for byte", async () => {
  const { url, appended, metrics } = await open();
  expect(await call(url)).toMatchObject({
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": "0",
  });
  expect(appended).toMatchObject([{ signal: "spans", batch: { itemCount: 1 } }]);
  expect(Buffer.concat(appended[0]!.batch.payload)).toEqual(Buffer.from(body));
  expect(await metrics()).toContain(
    'quartet_receive_requests_total{signal="spans",protocol="grpc",code="0"} 1',
  );
});

test("a full journal is UNAVAILABLE with RetryInfo", async () => {
  const error = new CollectorError("QUARTET_JOURNAL_FULL", "the journal is full", { retryAfterMs: 2_500 });
  const { url } = await open({ append: () => Promise.reject(error) });
  const answer = await call(url);
  expect(answer).toMatchObject({ "grpc-status": "14", "grpc-message": "the journal is full" });
  const details = Buffer.from(String(answer["grpc-status-details-bin"]), "base64").toString("hex");
  // Status: code(1) 14, message(2); details(3): Any { type_url(1), value(2): RetryInfo { retry_delay(1): 2 s, 500,000,000 ns } }
  expect(details.startsWith("080e1213")).toBe(true);
  expect(Buffer.from(details, "hex").toString("latin1")).toContain(
    "type.googleapis.com/google.rpc.RetryInfo",
  );
  expect(details.endsWith("120a0a0808021080cab5ee01")).toBe(true);
});

test("a missing token is UNAUTHENTICATED, a right one is let in", async () => {
  const { url } = await open({ tokens: ["right"] });
  expect(await call(url)).toMatchObject({ ":status": 200, "grpc-status": "16" });
  expect(await call(url, { authorization: "Bearer wrong" })).toMatchObject({ "grpc-status": "16" });
  expect(await call(url, { authorization: "Bearer right" })).toMatchObject({ "grpc-status": "0" });
});

test("a compressed message without a named encoding is refused", () => {
  expect(parseFrame(Buffer.from([1, 0, 0, 0, 1, 7]))).toEqual({
    kind: "read",
    isCompressed: true,
    message: Buffer.from([7]),
  });
  expect(parseFrame(Buffer.from([2, 0, 0, 0, 1, 7]))).toMatchObject({
    kind: "refused",
    reason: "undecodable",
  });
  expect(parseFrame(Buffer.from([0, 0, 0, 0, 1, 7, 8]))).toMatchObject({
    message: expect.stringContaining("more than one"),
  });
  expect(parseFrame(Buffer.from([0, 0, 0, 0]))).toMatchObject({
    message: expect.stringContaining("no whole message"),
  });
});

test("texts of trailers are ASCII, the rest in percent signs", () => {
  expect(encodeGrpcMessage("100 % größe\n")).toBe("100 %25 gr%C3%B6%C3%9Fe%0A");
});

test("a client over its rate is RESOURCE_EXHAUSTED with RetryInfo, so that it tries again", async () => {
  const { url, metrics } = await open({ rateLimit: { requestsPerSecond: 1 }, clock: createTestClock(0) });
  expect(await call(url)).toMatchObject({ "grpc-status": "0" });
  const answer = await call(url);
  expect(answer).toMatchObject({ "grpc-status": "8" });
  const details = Buffer.from(String(answer["grpc-status-details-bin"]), "base64");
  expect(details.toString("latin1")).toContain("google.rpc.RetryInfo");
  expect(await metrics()).toContain(
    'quartet_receive_refused_requests_total{signal="spans",reason="rate_limited"} 1',
  );
});
