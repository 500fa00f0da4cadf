/** OTLP messages for tests, written straight to the wire format from plain objects. */

export interface TestSpan {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly tracestate?: string;
  readonly name: string;
  readonly kind?: number;
  readonly startNano: bigint;
  readonly endNano: bigint;
  readonly status?: number;
}

export interface TestLog {
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: string;
}

export type TestPoint =
  | { readonly value: number; readonly attributes?: TestAttributes; readonly startNano?: bigint }
  | {
      readonly count: number;
      readonly sum: number;
      readonly bounds: readonly number[];
      readonly counts: readonly number[];
      readonly attributes?: TestAttributes;
      readonly startNano?: bigint;
    };

export interface TestMetric {
  readonly name: string;
  readonly unit?: string;
  readonly kind: "gauge" | "sum" | "histogram" | "exponential_histogram";
  readonly temporality?: number;
  readonly isMonotonic?: boolean;
  readonly points: readonly TestPoint[];
}

export type TestAttributes = Readonly<Record<string, string>>;

type Bytes = Uint8Array;

function varint(value: number | bigint): Bytes {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

const number = (field: number, value: number | bigint | undefined): Bytes =>
  value === undefined ? new Uint8Array() : Buffer.concat([varint(field * 8), varint(value)]);
const block = (field: number, ...parts: readonly Bytes[]): Bytes => {
  const body = Buffer.concat(parts);
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
};
const text = (field: number, value: string | undefined): Bytes =>
  value === undefined ? new Uint8Array() : block(field, Buffer.from(value));
const hex = (field: number, value: string | undefined): Bytes =>
  value === undefined ? new Uint8Array() : block(field, Buffer.from(value, "hex"));

function fixed64(field: number, value: bigint | undefined): Bytes {
  if (value === undefined) return new Uint8Array();
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return Buffer.concat([varint(field * 8 + 1), bytes]);
}

function double(field: number, value: number): Bytes {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint(field * 8 + 1), bytes]);
}

const attributes = (field: number, of: TestAttributes = {}): Bytes =>
  Buffer.concat(
    Object.entries(of).map(([key, value]) => block(field, text(1, key), block(2, text(1, value)))),
  );

/** ResourceSpans, ResourceLogs and ResourceMetrics have the same shape. */
const resource = (of: TestAttributes, items: readonly Bytes[]): Bytes =>
  block(1, block(1, attributes(1, of)), block(2, ...items.map((item) => block(2, item))));

/** One ExportTraceServiceRequest with one resource. */
export function spansBytes(of: TestAttributes, spans: readonly TestSpan[]): Bytes {
  const items = spans.map((span) =>
    Buffer.concat([
      hex(1, span.traceId),
      hex(2, span.spanId),
      text(3, span.tracestate),
      hex(4, span.parentSpanId),
      text(5, span.name),
      number(6, span.kind),
      fixed64(7, span.startNano),
      fixed64(8, span.endNano),
      attributes(9, { "http.route": "/orders" }),
      span.status === undefined ? new Uint8Array() : block(15, number(3, span.status)),
    ]),
  );
  return resource(of, items);
}

/** One ExportLogsServiceRequest with one resource. */
export function logsBytes(of: TestAttributes, logs: readonly TestLog[]): Bytes {
  const items = logs.map((log) =>
    Buffer.concat([
      fixed64(1, 1n),
      number(2, log.severityNumber),
      text(3, log.severityText),
      block(5, text(1, log.body ?? "")),
    ]),
  );
  return resource(of, items);
}

/** One ExportMetricsServiceRequest with one resource. */
export function metricsBytes(of: TestAttributes, metrics: readonly TestMetric[]): Bytes {
  const items = metrics.map((metric) => {
    const points = metric.points.map((point) => block(1, pointBytes(point)));
    const tail = [number(2, metric.temporality), number(3, metric.isMonotonic === true ? 1 : undefined)];
    const field = { gauge: 5, sum: 7, histogram: 9, exponential_histogram: 10 }[metric.kind];
    return Buffer.concat([text(1, metric.name), text(3, metric.unit), block(field, ...points, ...tail)]);
  });
  return resource(of, items);
}

function pointBytes(point: TestPoint): Bytes {
  const times = [fixed64(2, point.startNano), fixed64(3, 1n)];
  if ("value" in point)
    return Buffer.concat([attributes(7, point.attributes), ...times, double(4, point.value)]);
  const packed = (field: number, write: (value: number) => Bytes, values: readonly number[]) =>
    block(field, ...values.map((value) => write(value).subarray(1)));
  return Buffer.concat([
    ...times,
    fixed64(4, BigInt(point.count)),
    double(5, point.sum),
    packed(6, (value) => fixed64(1, BigInt(value)), point.counts),
    packed(7, (value) => double(1, value), point.bounds),
    attributes(9, point.attributes),
  ]);
}
