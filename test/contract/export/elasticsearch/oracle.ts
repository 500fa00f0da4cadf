import { oracleDecode, requestTypes } from "../../otlp/schema.ts";

/** A JSON number that JavaScript would round. */
export class ExactNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

interface AnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] };
  /** base64 */
  readonly bytesValue?: string;
}
interface KeyValue {
  readonly key?: string;
  readonly value?: AnyValue;
}
interface Owner {
  readonly name?: string;
  readonly version?: string;
  readonly attributes?: readonly KeyValue[];
  readonly droppedAttributesCount?: number;
}
interface LogRecord {
  readonly timeUnixNano?: string;
  readonly observedTimeUnixNano?: string;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: AnyValue;
  readonly attributes?: readonly KeyValue[];
  readonly droppedAttributesCount?: number;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly eventName?: string;
}
interface LogsRequest {
  readonly resourceLogs?: readonly {
    readonly resource?: Owner;
    readonly schemaUrl?: string;
    readonly scopeLogs?: readonly {
      readonly scope?: Owner;
      readonly schemaUrl?: string;
      readonly logRecords?: readonly LogRecord[];
    }[];
  }[];
}

export const receivedAtMs = 1_800_000_000_123;

/** What the documents of a request must say, built with objects from what protobufjs reads: the plain way. */
export function plainDocuments(bytes: Uint8Array): unknown[] {
  const { resourceLogs = [] } = oracleDecode(requestTypes.logs, bytes) as LogsRequest;
  return resourceLogs.flatMap(({ resource, schemaUrl, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ scope, schemaUrl: scopeSchemaUrl, logRecords = [] }) =>
      logRecords.map((record) => ({
        "@timestamp":
          time(record.timeUnixNano) ?? time(record.observedTimeUnixNano) ?? `${receivedAtMs}.000000`,
        ...given("observed_timestamp", time(record.observedTimeUnixNano)),
        data_stream: { type: "logs", dataset: "generic.otel", namespace: "default" },
        ...given("severity_text", record.severityText),
        ...given("severity_number", record.severityNumber),
        ...given("trace_id", id(record.traceId)),
        ...given("span_id", id(record.spanId)),
        ...given("attributes", attributes(record.attributes)),
        ...given("dropped_attributes_count", record.droppedAttributesCount),
        ...given("event_name", record.eventName),
        resource: owner(resource, schemaUrl),
        scope: {
          ...owner(scope, scopeSchemaUrl),
          ...given("name", scope?.name),
          ...given("version", scope?.version),
        },
        ...given("body", body(record.body)),
      })),
    ),
  );
}

/** Nothing for what proto3 has as "not given": "", 0 and absence. */
function given(name: string, value: unknown): Record<string, unknown> {
  return value === undefined || value === "" || value === 0 ? {} : { [name]: value };
}

function owner(message: Owner | undefined, schemaUrl: string | undefined): Record<string, unknown> {
  return {
    ...given("schema_url", schemaUrl),
    ...given("attributes", attributes(message?.attributes)),
    ...given("dropped_attributes_count", message?.droppedAttributesCount),
  };
}

function time(nanos: string | undefined): string | undefined {
  const value = BigInt(nanos ?? 0);
  return value === 0n ? undefined : `${value / 1_000_000n}.${String(value % 1_000_000n).padStart(6, "0")}`;
}

function id(hex: string | undefined): string | undefined {
  return hex === undefined || /^0*$/.test(hex) ? undefined : hex;
}

function attributes(list: readonly KeyValue[] = []): ReadonlyMap<string, unknown> | undefined {
  const map = object(list);
  return map.size === 0 ? undefined : map;
}

/** A Map, as an object of JavaScript would take "__proto__" for something else and put "1" before "a". */
function object(list: readonly KeyValue[] = []): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>();
  for (const { key = "", value } of list) if (!map.has(key)) map.set(key, plain(value));
  // No field has a blank name.
  return new Map([...map].map(([key, value]) => [/^[\0-\x20]*$/.test(key) ? "_" : key, value]));
}

function plain(value: AnyValue = {}): unknown {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return new ExactNumber(value.intValue);
  if (value.doubleValue !== undefined) return double(value.doubleValue);
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plain);
  if (value.kvlistValue !== undefined) return object(value.kvlistValue.values);
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue, "base64").toString("hex");
  return null;
}

function double(value: number): unknown {
  if (!Number.isFinite(value)) return null;
  const text = Object.is(value, -0) ? "-0" : String(value);
  return new ExactNumber(/[.e]/.test(text) ? text : `${text}.0`);
}

function body(value: AnyValue | undefined): unknown {
  const whole = plain(value);
  if (whole === null && value?.doubleValue === undefined) return undefined;
  if (value?.kvlistValue !== undefined) return { structured: whole };
  const values = value?.arrayValue?.values;
  if (value?.arrayValue === undefined) return { text: whole };
  const isOfObjects = (values ?? []).every(({ kvlistValue }) => kvlistValue !== undefined);
  return { structured: isOfObjects ? whole : { value: whole } };
}

/** JSON of the above, with numbers digit by digit. */
export function stringify(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  if (value instanceof Map)
    return `{${[...(value as Map<string, unknown>)].map(([key, inner]) => `${JSON.stringify(key)}:${stringify(inner)}`).join(",")}}`;
  if (Array.isArray(value)) return `[${value.map(stringify).join(",")}]`;
  if (typeof value === "object" && value !== null) return stringify(new Map(Object.entries(value)));
  return JSON.stringify(value);
}
