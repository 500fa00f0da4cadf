/** Requests with every field of OTLP in them, in the form of OTLP/JSON. */

export const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
export const spanId = "00f067aa0ba902b7";

export const span = {
  traceId,
  spanId,
  traceState: "ot=th:8",
  parentSpanId: "b7ad6b7169203331",
  name: "GET /köln",
  kind: 2,
  startTimeUnixNano: "1700000000123456789",
  endTimeUnixNano: "1700000000987654321",
  attributes: [
    { key: "http.route", value: { stringValue: "/köln" } },
    { key: "tries", value: { intValue: "-7" } },
    { key: "ratio", value: { doubleValue: 0.25 } },
    { key: "list", value: { arrayValue: { values: [{ boolValue: true }, { bytesValue: "AAEC" }] } } },
    { key: "map", value: { kvlistValue: { values: [{ key: "a", value: { stringValue: "b" } }] } } },
  ],
  droppedAttributesCount: 1,
  events: [{ timeUnixNano: "1", name: "exception", attributes: [{ key: "k", value: { stringValue: "v" } }] }],
  droppedEventsCount: 2,
  links: [{ traceId, spanId, traceState: "a=b", droppedAttributesCount: 4, flags: 1 }],
  droppedLinksCount: 3,
  status: { message: "the bank does not answer", code: 2 },
  flags: 257,
};

/** A span written the way most are: no field that the scanner's short way does not know. */
export const plainSpan = {
  traceId,
  spanId,
  name: "GET /",
  kind: 2,
  startTimeUnixNano: "1700000000000000000",
  endTimeUnixNano: "1700000000005000000",
  attributes: [
    { key: "http.route", value: { stringValue: "/" } },
    { key: "http.response.status_code", value: { intValue: "200" } },
    { key: "cached", value: { boolValue: false } },
    { key: "ratio", value: { doubleValue: 0.25 } },
  ],
  status: {},
};

export const resource = {
  attributes: [
    { key: "service.name", value: { stringValue: "payments" } },
    { key: "service.instance.id", value: { stringValue: "one" } },
  ],
  droppedAttributesCount: 5,
  entityRefs: [{ schemaUrl: "https://example.org/1", type: "service", idKeys: ["service.name"] }],
};
const scope = { name: "s", version: "1", attributes: [{ key: "x", value: {} }], droppedAttributesCount: 6 };

export function tracesOf(...spans: readonly object[]): { readonly resourceSpans: readonly object[] } {
  return { resourceSpans: [{ resource, scopeSpans: [{ scope, spans, schemaUrl: "b" }], schemaUrl: "a" }] };
}

export const traces: object = tracesOf(span);

export const log = {
  timeUnixNano: "1700000000000000001",
  severityNumber: 17,
  severityText: "ERROR",
  body: { stringValue: "the bank does not answer" },
  attributes: [{ key: "order", value: { intValue: "7" } }],
  droppedAttributesCount: 1,
  flags: 1,
  traceId,
  spanId,
  observedTimeUnixNano: "1700000000000000002",
  eventName: "payment.failed",
};

export function logsOf(...logRecords: readonly object[]): { readonly resourceLogs: readonly object[] } {
  return { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] };
}

const times = { startTimeUnixNano: "4", timeUnixNano: "5", flags: 1 };
const attributes = [{ key: "le", value: { stringValue: "1" } }];
const exemplars = [
  { timeUnixNano: "6", asDouble: 0.5, spanId, traceId, filteredAttributes: attributes },
  { asInt: "-9" },
];

export function metricsOf(...metrics: readonly object[]): { readonly resourceMetrics: readonly object[] } {
  return { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] };
}

/** One of each kind, six data points together. */
export const metrics: object = metricsOf(
  {
    name: "g",
    description: "a gauge",
    unit: "s",
    gauge: { dataPoints: [{ ...times, attributes, asDouble: 1.5, exemplars }, { asInt: "-3" }] },
    metadata: attributes,
  },
  { name: "s", sum: { dataPoints: [{ asInt: "9" }], aggregationTemporality: 2, isMonotonic: true } },
  {
    name: "h",
    histogram: {
      dataPoints: [
        {
          ...times,
          attributes,
          exemplars,
          count: "3",
          sum: 4.5,
          bucketCounts: ["1", "2"],
          explicitBounds: [10],
          min: 1,
          max: 2,
        },
      ],
      aggregationTemporality: 1,
    },
  },
  {
    name: "e",
    exponentialHistogram: {
      dataPoints: [
        {
          ...times,
          attributes,
          count: "3",
          sum: 1,
          scale: -2,
          zeroCount: "1",
          positive: { offset: -4, bucketCounts: ["1", "300"] },
          negative: { offset: 4, bucketCounts: ["18446744073709551615"] },
          min: -1,
          max: 1,
          zeroThreshold: 0.001,
        },
      ],
      aggregationTemporality: 2,
    },
  },
  {
    name: "q",
    summary: {
      dataPoints: [
        { ...times, attributes, count: "1", sum: 2, quantileValues: [{ quantile: 0.5, value: 3 }] },
      ],
    },
  },
);
