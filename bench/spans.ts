// What the benches of spans work on.

/** Spans of one request. */
export const spansPerBatch = 512;

/**
 * A request's worth of spans (an OTLP ExportTraceServiceRequest in JSON's shape) that end now: some 560 bytes each in protobuf,
 * 10 attributes, 8 services, 60 names and kinds, every fiftieth an error. Each seed gives other ids.
 */
export function buildSpans(seed: number): object {
  const nowNano = BigInt(Date.now()) * 1_000_000n;
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const spans = Array.from({ length: spansPerBatch }, (_, index) => ({
    traceId: hex(seed * 1_000 + (index >> 3) + 1, 32),
    spanId: hex(seed * 100_000 + index + 1, 16),
    // Client, its server, something inside: two of three spans are the sides of a request.
    parentSpanId: hex(seed * 100_000 + index, 16),
    name: `GET /api/orders/${index % 20}`,
    kind: [3, 2, 1][index % 3],
    startTimeUnixNano: String(nowNano - BigInt(((index * 7_919) % 300) * 1_000_000)),
    endTimeUnixNano: String(nowNano),
    attributes: [
      attribute("http.request.method", "GET"),
      attribute("http.route", `/api/orders/${index % 20}`),
      attribute(
        "url.full",
        `https://shop.example/api/orders/${index}?page=2&sort=newest&currency=EUR&locale=en-GB`,
      ),
      attribute(
        "user_agent.original",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 Shop/7",
      ),
      attribute("server.address", "shop.example"),
      attribute("server.port", "443"),
      attribute("client.address", "10.20.30.40"),
      attribute("http.response.status_code", "200"),
      attribute("network.protocol.version", "1.1"),
      attribute("thread.name", "worker-7"),
    ],
    ...(index % 50 === 0 ? { status: { code: 2 } } : {}),
  }));
  const resource = {
    attributes: [
      attribute("service.name", `service-${seed % 8}`),
      attribute("service.instance.id", `i-${seed % 16}`),
    ],
  };
  return { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] };
}
