import { expect, test } from "vitest";
import {
  BatchRecorder,
  ExplicitContext,
  HttpHeaders,
  Instrumentation,
  Tracer,
  jsonEncoder,
  option,
} from "zipkin";
import { HttpLogger } from "zipkin-transport-http";
import { freePort, until } from "../support/index.ts";
import { callsKey, countCalls, journaledSpans } from "./journal-spans.ts";
import { startCollector } from "./quartet.ts";

/** Zipkin's own client, which reports to the collector, with trace ids of 64 bits and spans that both sides share. */
function tracerOf(service: string, endpoint: string): Tracer {
  const logger = new HttpLogger({ endpoint, jsonEncoder: jsonEncoder.JSON_V2, httpInterval: 50 });
  return new Tracer({
    ctxImpl: new ExplicitContext(),
    recorder: new BatchRecorder({ logger }),
    localServiceName: service,
    supportsJoin: true,
  });
}

/** One request from a client to a server, as their instrumentation sees it. */
function call(client: Tracer, server: Tracer, statusCode: string): void {
  const url = "http://orders.example/orders";
  const clientSide = new Instrumentation.HttpClient({ tracer: client, remoteServiceName: "orders" });
  const serverSide = new Instrumentation.HttpServer({ tracer: server, port: 80 });
  client.scoped(() => {
    const request: { headers: Record<string, string> } = { headers: {} };
    const { headers } = clientSide.recordRequest(request, url, "GET");
    const clientId = client.id;
    server.scoped(() => {
      const readHeader = <T>(name: string) => option.fromNullable(headers[name]) as option.IOption<T>;
      const serverId = serverSide.recordRequest("GET", url, readHeader);
      serverSide.recordResponse(serverId, statusCode);
    });
    clientSide.recordResponse(clientId, statusCode);
    expect(headers[HttpHeaders.TraceId]).toMatch(/^[0-9a-f]{16}$/);
  });
}

test("the spans of Zipkin's client become traces, RED metrics and an edge of the service graph", async () => {
  const port = await freePort();
  await using collector = await startCollector({
    config: {
      receive: { otlp: { listen: ["127.0.0.1:0"] }, zipkin: { listen: [`127.0.0.1:${port}`] } },
    },
  });
  const endpoint = `http://127.0.0.1:${port}/api/v2/spans`;
  const gateway = tracerOf("gateway", endpoint);
  const orders = tracerOf("orders", endpoint);
  for (let index = 0; index < 20; index += 1) call(gateway, orders, index < 5 ? "500" : "200");
  await until(() => [...journaledSpans(collector.dataDir)].length === 40, {
    deadlineMs: 30_000,
    what: "both halves of every span in the journal",
  });
  const spans = [...journaledSpans(collector.dataDir)];
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(20);
  expect(spans.every(({ traceId }) => traceId.startsWith("0".repeat(16)))).toBe(true);
  await until(
    async () => {
      const calls = await collector.query("traces_span_metrics_calls_total");
      expect(Object.fromEntries(calls.map(({ labels, value }) => [callsKey(labels), value]))).toEqual(
        countCalls(spans),
      );
      expect(
        await collector.query(
          `sum by (client, server) (traces_service_graph_request_total{client="gateway",server="orders"})`,
        ),
      ).toEqual([{ labels: { client: "gateway", server: "orders" }, value: 20 }]);
      return true;
    },
    { deadlineMs: 30_000, what: "the counters and the edge" },
  );
  expect(await collector.query(`sum by (service_name, span_kind) (traces_span_metrics_calls_total)`)).toEqual(
    expect.arrayContaining([
      { labels: { service_name: "gateway", span_kind: "SPAN_KIND_CLIENT" }, value: 20 },
      { labels: { service_name: "orders", span_kind: "SPAN_KIND_SERVER" }, value: 20 },
    ]),
  );
});
