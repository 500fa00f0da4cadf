import fc from "fast-check";
import type { Signal } from "./schema.ts";

/** Requests in the form that protobufjs takes; `undefined` fields are absent. */
type Message = Record<string, unknown>;

const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 6 }) },
  { weight: 1, arbitrary: fc.string({ minLength: 120, maxLength: 300 }) },
);
const uint32 = fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 0xffff_ffff }));
const uint64 = fc
  .oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  .map(String);
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const sint32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const double = fc.double();
const bytesOf = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
const traceId = bytesOf(16);
const spanId = bytesOf(8);
const list = <T>(arbitrary: fc.Arbitrary<T>, maxLength = 3) => fc.array(arbitrary, { maxLength });

/** Each field may be absent. */
function message(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Message> {
  return fc.record(fields, { requiredKeys: [] });
}

/** One of the fields, or none. */
function oneOf(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Message> {
  const choices = Object.entries(fields).map(([name, arbitrary]) =>
    arbitrary.map((value) => ({ [name]: value })),
  );
  return fc.oneof(...choices, fc.constant({}));
}

const { anyValue, keyValue } = fc.letrec<{ anyValue: Message; keyValue: Message }>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    oneOf({
      stringValue: text,
      boolValue: fc.boolean(),
      intValue: int64,
      doubleValue: double,
      bytesValue: fc.uint8Array({ maxLength: 9 }),
    }),
    oneOf({
      arrayValue: message({ values: list(tie("anyValue"), 2) }),
      kvlistValue: message({ values: list(tie("keyValue"), 2) }),
    }),
  ),
  keyValue: message({ key: text, value: tie("anyValue") }),
}));
const serviceKey = fc.constantFrom("service.name", "service.instance.id", "service.namespace", "host.name");
const attributes = list(keyValue);
const resource = message({
  attributes: list(message({ key: fc.oneof(serviceKey, text), value: anyValue }), 4),
  droppedAttributesCount: uint32,
  entityRefs: list(
    message({ schemaUrl: text, type: text, idKeys: list(text, 2), descriptionKeys: list(text, 1) }),
    1,
  ),
});
const scope = message({ name: text, version: text, attributes, droppedAttributesCount: uint32 });

const span = message({
  traceId,
  spanId,
  traceState: text,
  parentSpanId: fc.oneof(spanId, fc.constant(new Uint8Array(8)), fc.constant(new Uint8Array())),
  name: text,
  kind: fc.oneof(fc.nat(5), sint32),
  startTimeUnixNano: uint64,
  endTimeUnixNano: uint64,
  attributes,
  droppedAttributesCount: uint32,
  events: list(message({ timeUnixNano: uint64, name: text, attributes, droppedAttributesCount: uint32 }), 2),
  droppedEventsCount: uint32,
  links: list(
    message({ traceId, spanId, traceState: text, attributes, droppedAttributesCount: uint32, flags: uint32 }),
    2,
  ),
  droppedLinksCount: uint32,
  status: message({ message: text, code: fc.oneof(fc.nat(2), sint32) }),
  flags: uint32,
});

const logRecord = message({
  timeUnixNano: uint64,
  severityNumber: fc.oneof(fc.nat(24), sint32),
  severityText: text,
  body: anyValue,
  attributes,
  droppedAttributesCount: uint32,
  flags: uint32,
  traceId,
  spanId,
  observedTimeUnixNano: uint64,
  eventName: text,
});

const exemplar = fc
  .tuple(
    message({ timeUnixNano: uint64, spanId, traceId, filteredAttributes: attributes }),
    oneOf({ asDouble: double, asInt: int64 }),
  )
  .map(([fields, value]) => ({ ...fields, ...value }));
const exemplars = list(exemplar, 2);
const times = { startTimeUnixNano: uint64, timeUnixNano: uint64, attributes, flags: uint32 };
const numberPoint = fc
  .tuple(message({ ...times, exemplars }), oneOf({ asDouble: double, asInt: int64 }))
  .map(([fields, value]) => ({ ...fields, ...value }));
const histogramPoint = message({
  ...times,
  exemplars,
  count: uint64,
  sum: double,
  bucketCounts: list(uint64, 4),
  explicitBounds: list(double, 3),
  min: double,
  max: double,
});
const buckets = message({ offset: sint32, bucketCounts: list(uint64, 4) });
const exponentialPoint = message({
  ...times,
  exemplars,
  count: uint64,
  sum: double,
  scale: sint32,
  zeroCount: uint64,
  positive: buckets,
  negative: buckets,
  min: double,
  max: double,
  zeroThreshold: double,
});
const summaryPoint = message({
  ...times,
  count: uint64,
  sum: double,
  quantileValues: list(message({ quantile: double, value: double }), 3),
});
const aggregationTemporality = fc.nat(3);
const metric = fc
  .tuple(
    message({ name: text, description: text, unit: text, metadata: attributes }),
    oneOf({
      gauge: message({ dataPoints: list(numberPoint) }),
      sum: message({ dataPoints: list(numberPoint), aggregationTemporality, isMonotonic: fc.boolean() }),
      histogram: message({ dataPoints: list(histogramPoint), aggregationTemporality }),
      exponentialHistogram: message({ dataPoints: list(exponentialPoint), aggregationTemporality }),
      summary: message({ dataPoints: list(summaryPoint) }),
    }),
  )
  .map(([fields, data]) => ({ ...fields, ...data }));

function request(
  groups: string,
  scopes: string,
  items: string,
  item: fc.Arbitrary<Message>,
): fc.Arbitrary<Message> {
  const scopeGroup = message({ scope, [items]: list(item), schemaUrl: text });
  const group = message({ resource, [scopes]: list(scopeGroup, 2), schemaUrl: text });
  return message({ [groups]: list(group, 2) });
}

/** Any request of a signal. */
export const requests: Readonly<Record<Signal, fc.Arbitrary<Message>>> = {
  spans: request("resourceSpans", "scopeSpans", "spans", span),
  logs: request("resourceLogs", "scopeLogs", "logRecords", logRecord),
  metrics: request("resourceMetrics", "scopeMetrics", "metrics", metric),
};

type Mutation = (bytes: Uint8Array) => Uint8Array;

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const at = (bytes: Uint8Array, where: number) => Math.floor(bytes.length * where);

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(([where, value]): Mutation => (bytes) => {
    const changed = Uint8Array.from(bytes);
    changed[at(bytes, where)] = value;
    return changed;
  }),
  fc.tuple(place, fc.nat(7)).map(([where, bit]): Mutation => (bytes) => {
    const changed = Uint8Array.from(bytes);
    changed[at(bytes, where)]! ^= 1 << bit;
    return changed;
  }),
  place.map(
    (where): Mutation =>
      (bytes) =>
        bytes.slice(0, at(bytes, where)),
  ),
  fc.tuple(place, fc.uint8Array({ maxLength: 12 })).map(
    ([where, inserted]): Mutation =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, at(bytes, where)), inserted, bytes.subarray(at(bytes, where))]),
  ),
  fc.tuple(place, fc.nat(20)).map(
    ([where, count]): Mutation =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, at(bytes, where)), bytes.subarray(at(bytes, where) + count)]),
  ),
);

/** One to three changes to any bytes. */
export const mutations: fc.Arbitrary<Mutation> = fc
  .array(mutation, { minLength: 1, maxLength: 3 })
  .map((each) => (bytes) => each.reduce((changed, mutate) => mutate(changed), bytes));
