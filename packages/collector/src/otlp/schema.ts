/** How a field is written on the wire, and in OTLP/JSON. */
export type Scalar =
  | "string"
  | "bytes" // base64 in JSON
  | "trace_id" // 16 bytes; hex in JSON
  | "span_id" // 8 bytes; hex in JSON
  | "bool"
  | "double"
  | "uint32"
  | "int32" // enums too: numbers in JSON
  | "sint32"
  | "fixed32"
  | "fixed64" // unsigned; a decimal string in JSON
  | "sfixed64"
  | "uint64"
  | "int64";

export interface Field {
  readonly number: number;
  /** lowerCamelCase, as in OTLP/JSON. */
  readonly name: string;
  readonly type: Scalar | (() => Message);
  readonly isRepeated: boolean;
  /** Of the fields of a message with the same `oneOf`, the one that comes last counts. */
  readonly oneOf: string | undefined;
  /** Leads from the request down to its items (spans, log records, data points). */
  readonly isOnPath: boolean;
}

export interface Message {
  readonly name: string;
  /** By number, ascending. */
  readonly fields: readonly Field[];
  readonly byNumber: ReadonlyMap<number, Field>;
  /** One span, log record or data point. */
  readonly isItem: boolean;
}

type Mark = "repeated" | "path" | `one of ${string}`;
type Row = readonly [number: number, name: string, type: Field["type"], ...marks: Mark[]];

function message(name: string, rows: readonly Row[], isItem = false): Message {
  const fields = rows
    .map(([number, fieldName, type, ...marks]): Field => ({
      number,
      name: fieldName,
      type,
      isRepeated: marks.includes("repeated"),
      oneOf: marks.find((mark) => mark.startsWith("one of ")),
      isOnPath: marks.includes("path"),
    }))
    .sort((a, b) => a.number - b.number);
  return { name, fields, byNumber: new Map(fields.map((field) => [field.number, field])), isItem };
}

const anyValue: Message = message("AnyValue", [
  [1, "stringValue", "string", "one of value"],
  [2, "boolValue", "bool", "one of value"],
  [3, "intValue", "int64", "one of value"],
  [4, "doubleValue", "double", "one of value"],
  [5, "arrayValue", () => arrayValue, "one of value"],
  [6, "kvlistValue", () => keyValueList, "one of value"],
  [7, "bytesValue", "bytes", "one of value"],
]);
const arrayValue: Message = message("ArrayValue", [[1, "values", () => anyValue, "repeated"]]);
const keyValueList: Message = message("KeyValueList", [[1, "values", () => keyValue, "repeated"]]);
const keyValue: Message = message("KeyValue", [
  [1, "key", "string"],
  [2, "value", () => anyValue],
]);
const attributes = (number: number): Row => [number, "attributes", () => keyValue, "repeated"];

const entityRef = message("EntityRef", [
  [1, "schemaUrl", "string"],
  [2, "type", "string"],
  [3, "idKeys", "string", "repeated"],
  [4, "descriptionKeys", "string", "repeated"],
]);
const resource = message("Resource", [
  attributes(1),
  [2, "droppedAttributesCount", "uint32"],
  [3, "entityRefs", () => entityRef, "repeated"],
]);
const scope = message("InstrumentationScope", [
  [1, "name", "string"],
  [2, "version", "string"],
  attributes(3),
  [4, "droppedAttributesCount", "uint32"],
]);

/** Request → Resource… → Scope… → items: the three signals have one shape. */
function request(signal: "Spans" | "Logs" | "Metrics", itemName: string, item: Message): Message {
  const scopeItems = message(`Scope${signal}`, [
    [1, "scope", () => scope],
    [2, itemName, () => item, "repeated", "path"],
    [3, "schemaUrl", "string"],
  ]);
  const resourceItems = message(`Resource${signal}`, [
    [1, "resource", () => resource],
    [2, `scope${signal}`, () => scopeItems, "repeated", "path"],
    [3, "schemaUrl", "string"],
  ]);
  return message(`Export${signal}Request`, [
    [1, `resource${signal}`, () => resourceItems, "repeated", "path"],
  ]);
}

const spanEvent = message("Span.Event", [
  [1, "timeUnixNano", "fixed64"],
  [2, "name", "string"],
  attributes(3),
  [4, "droppedAttributesCount", "uint32"],
]);
const spanLink = message("Span.Link", [
  [1, "traceId", "trace_id"],
  [2, "spanId", "span_id"],
  [3, "traceState", "string"],
  attributes(4),
  [5, "droppedAttributesCount", "uint32"],
  [6, "flags", "fixed32"],
]);
const spanStatus = message("Status", [
  [2, "message", "string"],
  [3, "code", "int32"],
]);
const span = message(
  "Span",
  [
    [1, "traceId", "trace_id"],
    [2, "spanId", "span_id"],
    [3, "traceState", "string"],
    [4, "parentSpanId", "span_id"],
    [5, "name", "string"],
    [6, "kind", "int32"],
    [7, "startTimeUnixNano", "fixed64"],
    [8, "endTimeUnixNano", "fixed64"],
    attributes(9),
    [10, "droppedAttributesCount", "uint32"],
    [11, "events", () => spanEvent, "repeated"],
    [12, "droppedEventsCount", "uint32"],
    [13, "links", () => spanLink, "repeated"],
    [14, "droppedLinksCount", "uint32"],
    [15, "status", () => spanStatus],
    [16, "flags", "fixed32"],
  ],
  true,
);

const logRecord = message(
  "LogRecord",
  [
    [1, "timeUnixNano", "fixed64"],
    [2, "severityNumber", "int32"],
    [3, "severityText", "string"],
    [5, "body", () => anyValue],
    attributes(6),
    [7, "droppedAttributesCount", "uint32"],
    [8, "flags", "fixed32"],
    [9, "traceId", "trace_id"],
    [10, "spanId", "span_id"],
    [11, "observedTimeUnixNano", "fixed64"],
    [12, "eventName", "string"],
  ],
  true,
);

const exemplar = message("Exemplar", [
  [2, "timeUnixNano", "fixed64"],
  [3, "asDouble", "double", "one of value"],
  [4, "spanId", "span_id"],
  [5, "traceId", "trace_id"],
  [6, "asInt", "sfixed64", "one of value"],
  [7, "filteredAttributes", () => keyValue, "repeated"],
]);
const pointTimes: readonly Row[] = [
  [2, "startTimeUnixNano", "fixed64"],
  [3, "timeUnixNano", "fixed64"],
];
const numberPoint = message(
  "NumberDataPoint",
  [
    ...pointTimes,
    [4, "asDouble", "double", "one of value"],
    [5, "exemplars", () => exemplar, "repeated"],
    [6, "asInt", "sfixed64", "one of value"],
    attributes(7),
    [8, "flags", "uint32"],
  ],
  true,
);
const histogramPoint = message(
  "HistogramDataPoint",
  [
    ...pointTimes,
    [4, "count", "fixed64"],
    [5, "sum", "double"],
    [6, "bucketCounts", "fixed64", "repeated"],
    [7, "explicitBounds", "double", "repeated"],
    [8, "exemplars", () => exemplar, "repeated"],
    attributes(9),
    [10, "flags", "uint32"],
    [11, "min", "double"],
    [12, "max", "double"],
  ],
  true,
);
const exponentialBuckets = message("ExponentialHistogramDataPoint.Buckets", [
  [1, "offset", "sint32"],
  [2, "bucketCounts", "uint64", "repeated"],
]);
const exponentialPoint = message(
  "ExponentialHistogramDataPoint",
  [
    attributes(1),
    ...pointTimes,
    [4, "count", "fixed64"],
    [5, "sum", "double"],
    [6, "scale", "sint32"],
    [7, "zeroCount", "fixed64"],
    [8, "positive", () => exponentialBuckets],
    [9, "negative", () => exponentialBuckets],
    [10, "flags", "uint32"],
    [11, "exemplars", () => exemplar, "repeated"],
    [12, "min", "double"],
    [13, "max", "double"],
    [14, "zeroThreshold", "double"],
  ],
  true,
);
const summaryValue = message("SummaryDataPoint.ValueAtQuantile", [
  [1, "quantile", "double"],
  [2, "value", "double"],
]);
const summaryPoint = message(
  "SummaryDataPoint",
  [
    ...pointTimes,
    [4, "count", "fixed64"],
    [5, "sum", "double"],
    [6, "quantileValues", () => summaryValue, "repeated"],
    attributes(7),
    [8, "flags", "uint32"],
  ],
  true,
);

function points(name: string, point: Message, extra: readonly Row[] = []): () => Message {
  const made = message(name, [[1, "dataPoints", () => point, "repeated", "path"], ...extra]);
  return () => made;
}
const temporality: Row = [2, "aggregationTemporality", "int32"];
const metric = message("Metric", [
  [1, "name", "string"],
  [2, "description", "string"],
  [3, "unit", "string"],
  [5, "gauge", points("Gauge", numberPoint), "path", "one of data"],
  [7, "sum", points("Sum", numberPoint, [temporality, [3, "isMonotonic", "bool"]]), "path", "one of data"],
  [9, "histogram", points("Histogram", histogramPoint, [temporality]), "path", "one of data"],
  [
    10,
    "exponentialHistogram",
    points("ExponentialHistogram", exponentialPoint, [temporality]),
    "path",
    "one of data",
  ],
  [11, "summary", points("Summary", summaryPoint), "path", "one of data"],
  [12, "metadata", () => keyValue, "repeated"],
]);

export type OtlpSignal = "spans" | "logs" | "metrics";

/**
 * The request message of each signal.
 * @see opentelemetry-proto 1.11, opentelemetry/proto/{trace,logs,metrics}/v1
 */
export const requests: Readonly<Record<OtlpSignal, Message>> = {
  spans: request("Spans", "spans", span),
  logs: request("Logs", "logRecords", logRecord),
  metrics: request("Metrics", "metrics", metric),
};

/** Deepest nesting of messages, the request being 0: protobuf's own decoders stop at 100. */
export const depthMax = 100;
