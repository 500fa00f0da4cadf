import { expect, test } from "vitest";
import { CollectorError } from "../model/index.ts";
import { decodeRequest } from "./decode.ts";
import { countItems, inspectRequest } from "./inspect.ts";
import { encodeExportResponse, encodeStatus } from "./respond.ts";
import { scanLogs, scanSpans } from "./scan.ts";
import { decodeSeriesBatch, encodeSeriesBatch } from "./series-batch.ts";
import { encodeRequest, transcodeJson } from "./transcode-json.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";
const span = {
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
  events: [{ timeUnixNano: "1", name: "exception", attributes: [{ key: "k", value: { stringValue: "v" } }] }],
  links: [{ traceId, spanId, flags: 1 }],
  status: { message: "the bank does not answer", code: 2 },
  flags: 257,
};
const resource = {
  attributes: [
    { key: "service.name", value: { stringValue: "payments" } },
    { key: "service.instance.id", value: { stringValue: "one" } },
  ],
};
const traces = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "s" }, spans: [span] }] }] };

const metrics = {
  resourceMetrics: [
    {
      resource,
      scopeMetrics: [
        {
          metrics: [
            {
              name: "g",
              unit: "s",
              gauge: {
                dataPoints: [
                  { timeUnixNano: "5", asDouble: 1.5 },
                  { timeUnixNano: "6", asInt: "-3" },
                ],
              },
            },
            {
              name: "s",
              sum: { dataPoints: [{ asInt: "9" }], aggregationTemporality: 2, isMonotonic: true },
            },
            {
              name: "h",
              histogram: {
                dataPoints: [
                  { count: "3", sum: 4.5, bucketCounts: ["1", "2"], explicitBounds: [10], min: 1, max: 2 },
                ],
                aggregationTemporality: 1,
              },
            },
            {
              name: "e",
              exponentialHistogram: {
                dataPoints: [
                  {
                    count: "3",
                    scale: -2,
                    zeroCount: "1",
                    positive: { offset: -4, bucketCounts: ["1", "300"] },
                  },
                ],
              },
            },
            {
              name: "q",
              summary: {
                dataPoints: [{ count: "1", sum: 2, quantileValues: [{ quantile: 0.5, value: 3 }] }],
              },
            },
          ],
        },
      ],
    },
  ],
};

test("every field of a span survives JSON → protobuf → JSON", () => {
  expect(decodeRequest("spans", transcodeJson("spans", Buffer.from(JSON.stringify(traces))))).toEqual(traces);
});

test("every kind of data point survives JSON → protobuf → JSON", () => {
  expect(decodeRequest("metrics", encodeRequest("metrics", metrics))).toEqual(metrics);
  expect(countItems("metrics", encodeRequest("metrics", metrics))).toBe(6);
});

test("known bytes: a request as the protobuf encoding has it", () => {
  const bytes = encodeRequest("spans", {
    resourceSpans: [{ scopeSpans: [{ spans: [{ name: "a", kind: 3 }] }] }],
  });
  // resource_spans(1) { scope_spans(2) { spans(2) { name(5): "a", kind(6): 3 } } }
  expect(Buffer.from(bytes).toString("hex")).toBe("0a09120712052a01613003");
});

test("the scan hands out where the parts of a span lie", () => {
  const bytes = Buffer.from(encodeRequest("spans", traces));
  const text = (start: number, end: number) => bytes.toString("utf8", start, end);
  const seen: unknown[] = [];
  scanSpans(bytes, (one) => {
    const nanos = (high: number, low: number) => BigInt(high) * 2n ** 32n + BigInt(low);
    seen.push({
      service: text(one.serviceNameStart, one.serviceNameEnd),
      instance: text(one.serviceInstanceIdStart, one.serviceInstanceIdEnd),
      name: text(one.nameStart, one.nameEnd),
      state: text(one.traceStateStart, one.traceStateEnd),
      traceId: bytes.toString("hex", one.traceIdStart, one.traceIdStart + 16),
      spanId: bytes.toString("hex", one.spanIdStart, one.spanIdStart + 8),
      parent: bytes.toString("hex", one.parentSpanIdStart, one.parentSpanIdStart + 8),
      kind: one.kind,
      status: one.statusCode,
      start: nanos(one.startHigh, one.startLow).toString(),
      end: nanos(one.endHigh, one.endLow).toString(),
    });
  });
  expect(seen).toEqual([
    {
      service: "payments",
      instance: "one",
      name: span.name,
      state: span.traceState,
      traceId,
      spanId,
      parent: span.parentSpanId,
      kind: 2,
      status: 2,
      start: span.startTimeUnixNano,
      end: span.endTimeUnixNano,
    },
  ]);
});

test("requests may be concatenated, and nothing of one resource is taken for the next", () => {
  const bare = { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId, spanId, name: "bare" }] }] }] };
  const bytes = Buffer.concat([encodeRequest("spans", traces), encodeRequest("spans", bare)]);
  const starts: number[] = [];
  scanSpans(bytes, (one) => starts.push(one.serviceNameStart, one.parentSpanIdStart, one.statusCode));
  expect(starts.slice(3)).toEqual([-1, -1, 0]);
  expect(countItems("spans", bytes)).toBe(2);
});

test("a resource that stands behind its spans is found all the same", () => {
  const [group] = traces.resourceSpans;
  const bytes = encodeRequest("spans", { resourceSpans: [{ scopeSpans: group!.scopeSpans, resource }] });
  let found = false;
  scanSpans(bytes, (one) => (found = one.serviceNameStart > 0));
  expect(found).toBe(true);
});

test("logs are scanned for their severity", () => {
  const bytes = Buffer.from(
    encodeRequest("logs", {
      resourceLogs: [
        { resource, scopeLogs: [{ logRecords: [{ severityNumber: 17, severityText: "ERROR" }, {}] }] },
      ],
    }),
  );
  const seen: unknown[] = [];
  scanLogs(bytes, (log) =>
    seen.push([log.severityNumber, bytes.toString("utf8", log.severityTextStart, log.severityTextEnd)]),
  );
  expect(seen[0]).toEqual([17, "ERROR"]);
  expect(seen).toHaveLength(2);
});

test("bad spans are cut out of a batch and the rest stays as it was", () => {
  const bad = { ...span, spanId: "0000000000000000" };
  const mixed = {
    resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "s" }, spans: [span, bad, span] }] }],
  };
  const inspection = inspectRequest("spans", encodeRequest("spans", mixed));
  expect(inspection).toMatchObject({ itemCount: 2, rejectedCount: 1 });
  expect(inspection.rejectedReason).toContain("span id");
  const [group] = traces.resourceSpans;
  expect(decodeRequest("spans", inspection.bytes)).toEqual({
    resourceSpans: [{ ...group, scopeSpans: [{ scope: { name: "s" }, spans: [span, span] }] }],
  });
});

test("a good batch is passed on as the very same bytes", () => {
  const bytes = encodeRequest("spans", traces);
  expect(inspectRequest("spans", bytes).bytes).toBe(bytes);
});

test.each([
  ['{"resourceSpans":{}}', "resourceSpans should be a list"],
  [
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SERVER"}]}]}]}',
    "spans[0].kind should be an integer",
  ],
  ['{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}', "should lie between"],
  ['{"resourceSpans":[5]}', "resourceSpans[0] should be an object"],
  ["{", "the body is no JSON"],
  ["[]", "the body should be an object"],
])("JSON %s is refused with its path", (json, message) => {
  expect(() => transcodeJson("spans", Buffer.from(json))).toThrow(message);
});

test("unknown fields are passed over in both encodings", () => {
  expect(transcodeJson("spans", Buffer.from('{"futureField":1}'))).toHaveLength(0);
  const unknown = Buffer.from([0x98, 0x06, 0x01, ...encodeRequest("spans", traces)]);
  expect(countItems("spans", unknown)).toBe(1);
});

test("mutated messages give an answer or our own error, never anything else", () => {
  const original = [encodeRequest("spans", traces), encodeRequest("metrics", metrics)] as const;
  let state = 42;
  const random = (bound: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  let refused = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const signal = round % 2 === 0 ? "spans" : "metrics";
    const bytes = Uint8Array.from(original[round % 2]!);
    for (let change = random(4); change >= 0; change -= 1) bytes[random(bytes.length)] = random(256);
    try {
      inspectRequest(signal, bytes.subarray(0, bytes.length - random(3)));
    } catch (error) {
      if (!(error instanceof CollectorError) || error.code !== "QUARTET_OTLP_INVALID") throw error;
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(1_000);
});

test("a value nested without end is refused, not followed", () => {
  let value: object = { stringValue: "x" };
  for (let depth = 0; depth < 200; depth += 1) value = { arrayValue: { values: [value] } };
  const deep = { resourceMetrics: [{ resource: { attributes: [{ key: "a", value }] } }] };
  expect(() => encodeRequest("metrics", deep)).toThrow("nested too deeply");
});

test("series batches come back as they were written, staleness included", () => {
  const writes = [
    {
      labels: ["__name__", "calls_total", "service_name", "ä"],
      type: "counter" as const,
      help: "Calls.",
      unit: "",
      startTimestampMs: 1_700_000_000_000,
      samples: [
        { timestampMs: 1_700_000_000_500, value: 1.5 },
        { timestampMs: -5, value: Number.POSITIVE_INFINITY },
      ],
      exemplars: [{ labels: ["trace_id", traceId], value: 1, timestampMs: 7 }],
    },
    {
      labels: ["__name__", "up"],
      type: "gauge" as const,
      help: "",
      unit: "seconds",
      startTimestampMs: 0,
      samples: [{ timestampMs: 9, value: Number.NaN, isStale: true as const }],
      exemplars: [],
    },
  ];
  expect(decodeSeriesBatch(encodeSeriesBatch(writes))).toEqual(writes);
});

test("a series record cut short is refused with its own error", () => {
  const bytes = encodeSeriesBatch([
    {
      labels: ["__name__", "up"],
      type: "gauge",
      help: "",
      unit: "",
      startTimestampMs: 0,
      samples: [],
      exemplars: [],
    },
  ]);
  expect(() => decodeSeriesBatch(bytes.subarray(0, bytes.length - 1))).toThrow("a series record is broken");
});

test("answers are in the encoding of the request", () => {
  expect(encodeExportResponse("spans", "application/json", undefined).toString()).toBe("{}");
  expect(
    encodeExportResponse("logs", "application/json", { rejectedCount: 2, message: "m" }).toString(),
  ).toBe('{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"m"}}');
  // partial_success(1) { rejected(1): 2, error_message(2): "m" }
  expect(
    encodeExportResponse("spans", "application/x-protobuf", { rejectedCount: 2, message: "m" }).toString(
      "hex",
    ),
  ).toBe("0a05080212016d");
  expect(encodeStatus("application/x-protobuf", { code: 3, message: "m" }).toString("hex")).toBe(
    "080312016d",
  );
});
