import { labelsFromRecord, type Exemplar } from "../model/index.ts";
import { decodeRequest } from "../otlp/index.ts";
import type { ExponentialHistogram } from "./exponential.ts";
import type { PushedMetrics } from "./pushed-metrics.ts";
import type { PushedMetric, PushedPoint, PushSource } from "./pushed-point.ts";
import type { Sources } from "./sources.ts";

/** The parts of OTLP/JSON that matter here; every field may be absent. */
interface Attribute {
  readonly key?: string;
  readonly value?: AnyValue;
}
interface AnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly bytesValue?: string;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly Attribute[] };
}
interface NumberValue {
  readonly asDouble?: number;
  readonly asInt?: string;
}
interface PointExemplar extends NumberValue {
  readonly timeUnixNano?: string;
  readonly traceId?: string;
  readonly spanId?: string;
}
interface Point {
  readonly attributes?: readonly Attribute[];
  readonly startTimeUnixNano?: string;
  readonly flags?: number;
  readonly exemplars?: readonly PointExemplar[];
}
interface NumberPoint extends Point, NumberValue {}
interface HistogramPoint extends Point {
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}
interface Buckets {
  readonly offset?: number;
  readonly bucketCounts?: readonly string[];
}
interface ExponentialPoint extends Point {
  readonly count?: string;
  readonly sum?: number;
  readonly scale?: number;
  readonly zeroCount?: string;
  readonly zeroThreshold?: number;
  readonly positive?: Buckets;
  readonly negative?: Buckets;
}
interface SummaryPoint extends Point {
  readonly count?: string;
  readonly sum?: number;
  readonly quantileValues?: readonly { readonly quantile?: number; readonly value?: number }[];
}
interface Points<P> {
  readonly dataPoints?: readonly P[];
  readonly aggregationTemporality?: number;
  readonly isMonotonic?: boolean;
}
interface Metric {
  readonly name?: string;
  readonly description?: string;
  readonly unit?: string;
  readonly gauge?: Points<NumberPoint>;
  readonly sum?: Points<NumberPoint>;
  readonly histogram?: Points<HistogramPoint>;
  readonly exponentialHistogram?: Points<ExponentialPoint>;
  readonly summary?: Points<SummaryPoint>;
}
interface Request {
  readonly resourceMetrics?: readonly {
    readonly resource?: { readonly attributes?: readonly Attribute[] };
    readonly scopeMetrics?: readonly { readonly metrics?: readonly Metric[] }[];
  }[];
}

const temporalities = ["unspecified", "delta", "cumulative"] as const;
/** DataPointFlags: no value was recorded. */
const flagNoValue = 1;

/** Turns the metrics of one record into series. Decodes to objects: data points are few beside spans. */
export function createMetricReader({
  pushed,
  sources,
}: {
  readonly pushed: PushedMetrics;
  readonly sources: Sources;
}): (payload: Uint8Array, receivedAtMs: number) => void {
  function readMetric(source: PushSource, metric: Metric): void {
    const { name = "", unit = "", description: help = "" } = metric;
    const points =
      metric.sum ?? metric.gauge ?? metric.histogram ?? metric.exponentialHistogram ?? metric.summary;
    const temporality = temporalities[points?.aggregationTemporality ?? 0] ?? "unspecified";
    const shared: PushedMetric = { name, unit, help, temporality, isMonotonic: points?.isMonotonic === true };
    for (const point of metric.gauge?.dataPoints ?? []) {
      pushed.number(source, "gauge", shared, pointOf(point), numberOf(point));
    }
    for (const point of metric.sum?.dataPoints ?? []) {
      pushed.number(source, "sum", shared, pointOf(point), numberOf(point));
    }
    for (const point of metric.histogram?.dataPoints ?? []) {
      pushed.histogram(source, shared, pointOf(point), {
        count: Number(point.count ?? 0),
        sum: point.sum,
        bounds: point.explicitBounds ?? [],
        counts: (point.bucketCounts ?? []).map(Number),
      });
    }
    for (const point of metric.summary?.dataPoints ?? []) {
      pushed.summary(source, shared, pointOf(point), {
        count: Number(point.count ?? 0),
        sum: point.sum ?? 0,
        quantiles: (point.quantileValues ?? []).map(
          ({ quantile = 0, value = 0 }) => [quantile, value] as const,
        ),
      });
    }
    for (const point of metric.exponentialHistogram?.dataPoints ?? []) {
      pushed.exponential(source, shared, pointOf(point), {
        scale: point.scale ?? 0,
        count: Number(point.count ?? 0),
        sum: point.sum,
        zeroCount: Number(point.zeroCount ?? 0),
        zeroThreshold: point.zeroThreshold ?? 0,
        positive: denseOf(point.positive),
        negative: denseOf(point.negative),
      });
    }
  }

  return (payload, receivedAtMs) => {
    const request = decodeRequest("metrics", payload) as Request;
    for (const { resource, scopeMetrics } of request.resourceMetrics ?? []) {
      const attributes = pairsOf(resource?.attributes);
      const source = sourceOf(attributes);
      if (source.service !== "") sources.heard(source, receivedAtMs, true);
      for (const { metrics } of scopeMetrics ?? [])
        for (const metric of metrics ?? []) readMetric(source, metric);
      // Without an identity the information would belong to nobody (Prometheus leaves it out as well).
      const rest = attributes.filter(([name]) => !identity.has(name));
      if (rest.length > 0 && Object.keys(source.labels).length > 0) pushed.targetInfo(source, rest);
    }
  };
}

const identity: ReadonlySet<string> = new Set(["service.name", "service.namespace", "service.instance.id"]);

/** `job` is namespace/name or name, `instance` the instance's id (OpenTelemetry specification, "Resource Attributes"). */
function sourceOf(attributes: readonly (readonly [string, string])[]): PushSource {
  const find = (name: string) => attributes.find(([key]) => key === name)?.[1] ?? "";
  const service = find("service.name");
  const instance = find("service.instance.id");
  const namespace = find("service.namespace");
  const job = namespace === "" || service === "" ? service : `${namespace}/${service}`;
  const labels: Record<string, string> = {};
  if (job !== "") labels["job"] = job;
  if (instance !== "") labels["instance"] = instance;
  return { service, instance, labels };
}

function pointOf({ attributes, startTimeUnixNano, flags = 0, exemplars = [] }: Point): PushedPoint {
  return {
    exemplars: exemplars.flatMap(exemplarOf),
    attributes: pairsOf(attributes),
    startMs: Math.floor(Number(startTimeUnixNano ?? 0) / 1e6),
    isGone: flags % 2 === flagNoValue,
  };
}

function denseOf({ offset = 0, bucketCounts = [] }: Buckets = {}): ExponentialHistogram["positive"] {
  return { offset, counts: bucketCounts.map(Number) };
}

/** Of the attributes that a point does not have, only the trace is kept: OpenMetrics allows 128 characters. */
function exemplarOf({ timeUnixNano = "0", traceId = "", spanId = "", ...value }: PointExemplar): Exemplar[] {
  if (traceId === "") return [];
  const labels = labelsFromRecord({ span_id: spanId, trace_id: traceId });
  return [{ labels, value: numberOf(value), timestampMs: Math.floor(Number(timeUnixNano) / 1e6) }];
}

function numberOf({ asDouble, asInt }: NumberValue): number {
  return asDouble ?? Number(asInt ?? 0);
}

function pairsOf(attributes: readonly Attribute[] = []): (readonly [string, string])[] {
  return attributes.map(({ key = "", value }) => [key, textOf(value)] as const);
}

/** A value as the text of a label: strings as they are, what has parts as JSON. */
function textOf(value: AnyValue | undefined): string {
  const plain = plainOf(value);
  if (typeof plain === "string") return plain;
  return plain === null ? "" : JSON.stringify(plain);
}

function plainOf(value: AnyValue | undefined): unknown {
  if (value === undefined) return null;
  const { stringValue, boolValue, intValue, doubleValue, bytesValue, arrayValue, kvlistValue } = value;
  if (stringValue !== undefined) return stringValue;
  if (boolValue !== undefined) return boolValue;
  // As a string it keeps all 64 bits.
  if (intValue !== undefined) return intValue;
  if (doubleValue !== undefined) return doubleValue;
  if (bytesValue !== undefined) return bytesValue;
  if (arrayValue !== undefined) return (arrayValue.values ?? []).map(plainOf);
  if (kvlistValue === undefined) return null;
  return Object.fromEntries((kvlistValue.values ?? []).map(({ key = "", value }) => [key, plainOf(value)]));
}
