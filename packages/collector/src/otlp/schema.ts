/** How a field is written on the wire, and in OTLP/JSON. */
export type Scalar =
  | "string"
  | "bytes" // base64 in JSON
  | "id" // trace and span ids: hex in JSON
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
}

export interface Message {
  readonly name: string;
  readonly byNumber: ReadonlyMap<number, Field>;
  readonly byName: ReadonlyMap<string, Field>;
}

type Row = readonly [number: number, name: string, type: Field["type"], repeated?: "repeated"];

function message(name: string, rows: readonly Row[]): Message {
  const fields = rows.map(([number, fieldName, type, repeated]) => ({
    number,
    name: fieldName,
    type,
    isRepeated: repeated === "repeated",
  }));
  return {
    name,
    byNumber: new Map(fields.map((field) => [field.number, field])),
    byName: new Map(fields.map((field) => [field.name, field])),
  };
}

const anyValue: Message = message("AnyValue", [
  [1, "stringValue", "string"],
  [2, "boolValue", "bool"],
  [3, "intValue", "int64"],
  [4, "doubleValue", "double"],
  [5, "arrayValue", () => arrayValue],
  [6, "kvlistValue", () => keyValueList],
  [7, "bytesValue", "bytes"],
]);
const arrayValue: Message = message("ArrayValue", [[1, "values", () => anyValue, "repeated"]]);
const keyValueList: Message = message("KeyValueList", [[1, "values", () => keyValue, "repeated"]]);
const keyValue: Message = message("KeyValue", [
  [1, "key", "string"],
  [2, "value", () => anyValue],
]);
const attributes = (number: number): Row => [number, "attributes", () => keyValue, "repeated"];

const resource = message("Resource", [attributes(1), [2, "droppedAttributesCount", "uint32"]]);
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
    [2, itemName, () => item, "repeated"],
    [3, "schemaUrl", "string"],
  ]);
  const resourceItems = message(`Resource${signal}`, [
    [1, "resource", () => resource],
    [2, `scope${signal}`, () => scopeItems, "repeated"],
    [3, "schemaUrl", "string"],
  ]);
  return message(`Export${signal}Request`, [[1, `resource${signal}`, () => resourceItems, "repeated"]]);
}

const spanEvent = message("Span.Event", [
  [1, "timeUnixNano", "fixed64"],
  [2, "name", "string"],
  attributes(3),
  [4, "droppedAttributesCount", "uint32"],
]);
const spanLink = message("Span.Link", [
  [1, "traceId", "id"],
  [2, "spanId", "id"],
  [3, "traceState", "string"],
  attributes(4),
  [5, "droppedAttributesCount", "uint32"],
  [6, "flags", "fixed32"],
]);
const spanStatus = message("Status", [
  [2, "message", "string"],
  [3, "code", "int32"],
]);
const span = message("Span", [
  [1, "traceId", "id"],
  [2, "spanId", "id"],
  [3, "traceState", "string"],
  [4, "parentSpanId", "id"],
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
]);

const logRecord = message("LogRecord", [
  [1, "timeUnixNano", "fixed64"],
  [2, "severityNumber", "int32"],
  [3, "severityText", "string"],
  [5, "body", () => anyValue],
  attributes(6),
  [7, "droppedAttributesCount", "uint32"],
  [8, "flags", "fixed32"],
  [9, "traceId", "id"],
  [10, "spanId", "id"],
  [11, "observedTimeUnixNano", "fixed64"],
  [12, "eventName", "string"],
]);

const exemplar = message("Exemplar", [
  [2, "timeUnixNano", "fixed64"],
  [3, "asDouble", "double"],
  [4, "spanId", "id"],
  [5, "traceId", "id"],
  [6, "asInt", "sfixed64"],
  [7, "filteredAttributes", () => keyValue, "repeated"],
]);
const pointTimes: readonly Row[] = [
  [2, "startTimeUnixNano", "fixed64"],
  [3, "timeUnixNano", "fixed64"],
];
const numberPoint = message("NumberDataPoint", [
  ...pointTimes,
  [4, "asDouble", "double"],
  [5, "exemplars", () => exemplar, "repeated"],
  [6, "asInt", "sfixed64"],
  attributes(7),
  [8, "flags", "uint32"],
]);
const histogramPoint = message("HistogramDataPoint", [
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
]);
const exponentialBuckets = message("ExponentialHistogramDataPoint.Buckets", [
  [1, "offset", "sint32"],
  [2, "bucketCounts", "uint64", "repeated"],
]);
const exponentialPoint = message("ExponentialHistogramDataPoint", [
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
]);
const summaryValue = message("ValueAtQuantile", [
  [1, "quantile", "double"],
  [2, "value", "double"],
]);
const summaryPoint = message("SummaryDataPoint", [
  ...pointTimes,
  [4, "count", "fixed64"],
  [5, "sum", "double"],
  [6, "quantileValues", () => summaryValue, "repeated"],
  attributes(7),
  [8, "flags", "uint32"],
]);
const points = (
  name: string,
  point: Message,
  isAdditive: boolean,
  extra: readonly Row[] = [],
): (() => Message) => {
  const rows: Row[] = [[1, "dataPoints", () => point, "repeated"]];
  if (isAdditive) rows.push([2, "aggregationTemporality", "int32"]);
  const made = message(name, [...rows, ...extra]);
  return () => made;
};
const metric = message("Metric", [
  [1, "name", "string"],
  [2, "description", "string"],
  [3, "unit", "string"],
  [5, "gauge", points("Gauge", numberPoint, false)],
  [7, "sum", points("Sum", numberPoint, true, [[3, "isMonotonic", "bool"]])],
  [9, "histogram", points("Histogram", histogramPoint, true)],
  [10, "exponentialHistogram", points("ExponentialHistogram", exponentialPoint, true)],
  [11, "summary", points("Summary", summaryPoint, false)],
  [12, "metadata", () => keyValue, "repeated"],
]);

/** The request message of each signal. */
export const requests: Readonly<Record<"spans" | "logs" | "metrics", Message>> = {
  spans: request("Spans", "spans", span),
  logs: request("Logs", "logRecords", logRecord),
  metrics: request("Metrics", "metrics", metric),
};
