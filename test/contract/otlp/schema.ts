import Long from "long";
import protobuf from "protobufjs";

// Without it protobufjs rounds 64-bit integers to numbers; bundled by the test runner, it does not find the package by itself.
protobuf.util.Long = Long;
protobuf.configure();

/**
 * The messages of OTLP in protobufjs' own words: a decoder that knows nothing of ours.
 * Field numbers from opentelemetry-proto 1.11.
 */
const source = `
syntax = "proto3";

message AnyValue {
  oneof value {
    string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4;
    ArrayValue arrayValue = 5; KeyValueList kvlistValue = 6; bytes bytesValue = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; }
message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 droppedAttributesCount = 4; }
message EntityRef { string schemaUrl = 1; string type = 2; repeated string idKeys = 3; repeated string descriptionKeys = 4; }
message Resource { repeated KeyValue attributes = 1; uint32 droppedAttributesCount = 2; repeated EntityRef entityRefs = 3; }

message SpansRequest { repeated ResourceSpans resourceSpans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; string schemaUrl = 3; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schemaUrl = 3; }
message Span {
  bytes traceId = 1; bytes spanId = 2; string traceState = 3; bytes parentSpanId = 4; string name = 5; int32 kind = 6;
  fixed64 startTimeUnixNano = 7; fixed64 endTimeUnixNano = 8; repeated KeyValue attributes = 9; uint32 droppedAttributesCount = 10;
  repeated Event events = 11; uint32 droppedEventsCount = 12; repeated Link links = 13; uint32 droppedLinksCount = 14;
  Status status = 15; fixed32 flags = 16;
}
message Event { fixed64 timeUnixNano = 1; string name = 2; repeated KeyValue attributes = 3; uint32 droppedAttributesCount = 4; }
message Link {
  bytes traceId = 1; bytes spanId = 2; string traceState = 3; repeated KeyValue attributes = 4; uint32 droppedAttributesCount = 5;
  fixed32 flags = 6;
}
message Status { string message = 2; int32 code = 3; }

message LogsRequest { repeated ResourceLogs resourceLogs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scopeLogs = 2; string schemaUrl = 3; }
message ScopeLogs { Scope scope = 1; repeated LogRecord logRecords = 2; string schemaUrl = 3; }
message LogRecord {
  fixed64 timeUnixNano = 1; int32 severityNumber = 2; string severityText = 3; AnyValue body = 5; repeated KeyValue attributes = 6;
  uint32 droppedAttributesCount = 7; fixed32 flags = 8; bytes traceId = 9; bytes spanId = 10; fixed64 observedTimeUnixNano = 11;
  string eventName = 12;
}

message MetricsRequest { repeated ResourceMetrics resourceMetrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scopeMetrics = 2; string schemaUrl = 3; }
message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; string schemaUrl = 3; }
message Metric {
  string name = 1; string description = 2; string unit = 3;
  oneof data {
    Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; ExponentialHistogram exponentialHistogram = 10; Summary summary = 11;
  }
  repeated KeyValue metadata = 12;
}
message Gauge { repeated NumberDataPoint dataPoints = 1; }
message Sum { repeated NumberDataPoint dataPoints = 1; int32 aggregationTemporality = 2; bool isMonotonic = 3; }
message Histogram { repeated HistogramDataPoint dataPoints = 1; int32 aggregationTemporality = 2; }
message ExponentialHistogram { repeated ExponentialHistogramDataPoint dataPoints = 1; int32 aggregationTemporality = 2; }
message Summary { repeated SummaryDataPoint dataPoints = 1; }
message NumberDataPoint {
  fixed64 startTimeUnixNano = 2; fixed64 timeUnixNano = 3; oneof value { double asDouble = 4; sfixed64 asInt = 6; }
  repeated Exemplar exemplars = 5; repeated KeyValue attributes = 7; uint32 flags = 8;
}
message HistogramDataPoint {
  fixed64 startTimeUnixNano = 2; fixed64 timeUnixNano = 3; fixed64 count = 4; double sum = 5; repeated fixed64 bucketCounts = 6;
  repeated double explicitBounds = 7; repeated Exemplar exemplars = 8; repeated KeyValue attributes = 9; uint32 flags = 10;
  double min = 11; double max = 12;
}
message ExponentialHistogramDataPoint {
  repeated KeyValue attributes = 1; fixed64 startTimeUnixNano = 2; fixed64 timeUnixNano = 3; fixed64 count = 4; double sum = 5;
  sint32 scale = 6; fixed64 zeroCount = 7; Buckets positive = 8; Buckets negative = 9; uint32 flags = 10;
  repeated Exemplar exemplars = 11; double min = 12; double max = 13; double zeroThreshold = 14;
}
message Buckets { sint32 offset = 1; repeated uint64 bucketCounts = 2; }
message SummaryDataPoint {
  fixed64 startTimeUnixNano = 2; fixed64 timeUnixNano = 3; fixed64 count = 4; double sum = 5; repeated Quantile quantileValues = 6;
  repeated KeyValue attributes = 7; uint32 flags = 8;
}
message Quantile { double quantile = 1; double value = 2; }
message Exemplar {
  fixed64 timeUnixNano = 2; oneof value { double asDouble = 3; sfixed64 asInt = 6; } bytes spanId = 4; bytes traceId = 5;
  repeated KeyValue filteredAttributes = 7;
}

message ExportResponse { PartialSuccess partialSuccess = 1; }
message PartialSuccess { int64 rejected = 1; string errorMessage = 2; }
message RpcStatus { int32 code = 1; string message = 2; }
`;

export const { root } = protobuf.parse(source, { keepCase: true });

export type Signal = "spans" | "logs" | "metrics";

/** The request message of each signal. */
export const requestTypes: Readonly<Record<Signal, protobuf.Type>> = {
  spans: root.lookupType("SpansRequest"),
  logs: root.lookupType("LogsRequest"),
  metrics: root.lookupType("MetricsRequest"),
};

/** What protobufjs reads, in the form of OTLP/JSON: ids in hex, other bytes in base64, 64-bit integers as strings. */
export function oracleDecode(type: protobuf.Type, bytes: Uint8Array): unknown {
  return plain("", type.toObject(type.decode(bytes), { longs: String }));
}

function plain(name: string, value: unknown): unknown {
  if (value instanceof Uint8Array)
    return Buffer.from(value).toString(name === "bytesValue" ? "base64" : "hex");
  if (Array.isArray(value)) return value.map((item) => plain(name, item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(key, item)]));
}

/** Bytes as protobufjs writes them; ids and bytes are Uint8Arrays here, 64-bit integers strings. */
export function oracleEncode(type: protobuf.Type, value: Record<string, unknown>): Uint8Array {
  return type.encode(type.fromObject(value)).finish();
}
