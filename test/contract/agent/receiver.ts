import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { oracleDecode, root } from "../otlp/schema.ts";

type Attributes = Record<string, unknown>;

export interface ReceivedSpan {
  readonly name: string;
  /** OTLP's numbers: 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  /** "" for a root. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly startNano: bigint;
  readonly endNano: bigint;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
  readonly statusMessage: string;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly scope: string;
  readonly resource: Attributes;
  /** When its request arrived; unix milliseconds. */
  readonly receivedMs: number;
}

export interface ReceivedLog {
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: unknown;
  readonly attributes: Attributes;
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
  readonly scope: string;
  readonly resource: Attributes;
}

export interface ReceivedMetric {
  readonly name: string;
  readonly kind: "gauge" | "sum" | "histogram" | "summary";
  readonly isCumulative: boolean;
  readonly isMonotonic: boolean;
  readonly points: readonly ReceivedPoint[];
  readonly resource: Attributes;
}

interface ReceivedPoint {
  readonly attributes: Attributes;
  readonly startNano: bigint;
  readonly timeNano: bigint;
  /** Of a sum or gauge. */
  readonly value: number | undefined;
  /** Of a histogram. */
  readonly count: number | undefined;
  readonly sum: number | undefined;
  readonly bucketCounts: readonly number[];
  readonly bounds: readonly number[];
}

/** Answers one request in place of the usual 200; undefined leaves it to the receiver, which then takes the data. */
export type Answer = (request: { readonly path: string; readonly headers: IncomingMessage["headers"] }) =>
  | {
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: Uint8Array;
      readonly takes?: boolean;
    }
  | undefined
  | Promise<undefined>;

/** A small OTLP/HTTP collector in the test's process. It keeps what it acknowledged, in order of arrival. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly spans: ReceivedSpan[];
  readonly logs: ReceivedLog[];
  /** Every metric of every push. */
  readonly metrics: ReceivedMetric[];
  /** Path and headers of every request, whatever the answer was. */
  readonly requests: {
    readonly path: string;
    readonly headers: IncomingMessage["headers"];
    readonly status: number;
  }[];
  answer: Answer;
  /** Stops listening and cuts connections: the collector is away. */
  stop(): Promise<void>;
}

/** `port` 0 takes a free one. */
export async function startReceiver({ port = 0 }: { port?: number } = {}): Promise<Receiver> {
  const spans: ReceivedSpan[] = [];
  const logs: ReceivedLog[] = [];
  const metrics: ReceivedMetric[] = [];
  const requests: Receiver["requests"] = [];

  const take = (path: string, body: Buffer): void => {
    const receivedMs = Date.now();
    if (path === "/v1/traces") spans.push(...readSpans(body, receivedMs));
    if (path === "/v1/logs") logs.push(...readLogs(body));
    if (path === "/v1/metrics") metrics.push(...readMetrics(body));
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? "";
    const given = await receiver.answer({ path, headers: request.headers });
    const status = given?.status ?? 200;
    requests.push({ path, headers: request.headers, status });
    const raw = Buffer.concat(chunks);
    if (given === undefined || given.takes === true)
      take(path, request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw);
    response.writeHead(status, { "content-type": "application/x-protobuf", ...given?.headers });
    response.end(given?.body);
  };
  const server = createServer((request, response) => {
    // A client that dies in mid-request is part of what is tested.
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const receiver: Receiver = {
    url: `http://127.0.0.1:${actual}`,
    port: actual,
    spans,
    logs,
    metrics,
    requests,
    answer: () => undefined,
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return receiver;
}

interface RawValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly RawValue[] };
  readonly kvlistValue?: { readonly values?: readonly RawPair[] };
}
type RawPair = { readonly key: string; readonly value?: RawValue };
type Raw = Record<string, never>;

function readAttributes(pairs: readonly RawPair[] = []): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, readValue(value)]));
}

function readValue(value: RawValue | undefined): unknown {
  if (value?.intValue !== undefined) return Number(value.intValue);
  if (value?.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(readValue);
  if (value?.kvlistValue !== undefined) return readAttributes(value.kvlistValue.values);
  return value?.stringValue ?? value?.boolValue ?? value?.doubleValue ?? null;
}

/** The items of all scopes of all resources, each with the names of where it stood. */
function itemsOf(
  body: Buffer,
  { message, resources, scopes, items }: Record<"message" | "resources" | "scopes" | "items", string>,
): { item: Raw; scope: string; resource: Attributes }[] {
  const request = oracleDecode(root.lookupType(message), body) as Record<string, Raw[] | undefined>;
  return (request[resources] ?? []).flatMap((ofResource) => {
    const { attributes } = (ofResource["resource"] ?? {}) as { attributes?: RawPair[] };
    const resource = readAttributes(attributes);
    return ((ofResource[scopes] ?? []) as Raw[]).flatMap((ofScope) => {
      const scope = ((ofScope["scope"] ?? {}) as { name?: string }).name ?? "";
      return ((ofScope[items] ?? []) as Raw[]).map((item) => ({ item, scope, resource }));
    });
  });
}

function readSpans(body: Buffer, receivedMs: number): ReceivedSpan[] {
  const where = { message: "SpansRequest", resources: "resourceSpans", scopes: "scopeSpans", items: "spans" };
  return itemsOf(body, where).map(({ item, scope, resource }) => ({
    name: item["name"] ?? "",
    kind: item["kind"] ?? 0,
    traceId: item["traceId"] ?? "",
    spanId: item["spanId"] ?? "",
    parentSpanId: item["parentSpanId"] ?? "",
    traceState: item["traceState"] ?? "",
    flags: item["flags"] ?? 0,
    startNano: BigInt(item["startTimeUnixNano"] ?? 0),
    endNano: BigInt(item["endTimeUnixNano"] ?? 0),
    status: (item["status"] as { code?: number } | undefined)?.code ?? 0,
    statusMessage: (item["status"] as { message?: string } | undefined)?.message ?? "",
    attributes: readAttributes(item["attributes"]),
    events: ((item["events"] ?? []) as { name: string; attributes?: RawPair[] }[]).map((event) => ({
      name: event.name,
      attributes: readAttributes(event.attributes),
    })),
    scope,
    resource,
    receivedMs,
  }));
}

function readLogs(body: Buffer): ReceivedLog[] {
  const where = {
    message: "LogsRequest",
    resources: "resourceLogs",
    scopes: "scopeLogs",
    items: "logRecords",
  };
  return itemsOf(body, where).map(({ item, scope, resource }) => ({
    severityNumber: item["severityNumber"] ?? 0,
    severityText: item["severityText"] ?? "",
    body: item["body"] === undefined ? undefined : readValue(item["body"]),
    attributes: readAttributes(item["attributes"]),
    traceId: item["traceId"] ?? "",
    spanId: item["spanId"] ?? "",
    flags: item["flags"] ?? 0,
    scope,
    resource,
  }));
}

function readMetrics(body: Buffer): ReceivedMetric[] {
  const where = {
    message: "MetricsRequest",
    resources: "resourceMetrics",
    scopes: "scopeMetrics",
    items: "metrics",
  };
  return itemsOf(body, where).map(({ item, resource }) => {
    const kind = (["gauge", "sum", "histogram", "summary"] as const).find((name) => item[name] !== undefined);
    if (kind === undefined) throw new Error(`metric ${String(item["name"])} has no data`);
    const data = item[kind] as unknown as {
      dataPoints?: Raw[];
      aggregationTemporality?: number;
      isMonotonic?: boolean;
    };
    return {
      name: item["name"] ?? "",
      kind,
      isCumulative: data.aggregationTemporality === 2,
      isMonotonic: data.isMonotonic === true,
      points: (data.dataPoints ?? []).map(readPoint),
      resource,
    };
  });
}

function readPoint(point: Raw): ReceivedPoint {
  return {
    attributes: readAttributes(point["attributes"]),
    startNano: BigInt(point["startTimeUnixNano"] ?? 0),
    timeNano: BigInt(point["timeUnixNano"] ?? 0),
    value: point["asDouble"],
    count: point["count"] === undefined ? undefined : Number(point["count"]),
    sum: point["sum"],
    bucketCounts: ((point["bucketCounts"] ?? []) as string[]).map(Number),
    bounds: point["explicitBounds"] ?? [],
  };
}
