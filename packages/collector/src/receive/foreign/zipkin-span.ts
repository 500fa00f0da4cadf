import { createHash } from "node:crypto";
import { invalid, listAt, objectAt, parseJson, textAt, textPairsAt } from "./json.ts";

type Attribute = readonly [key: string, value: string | number | boolean];

/** By the names of Zipkin's kinds; a span without one is INTERNAL. @see OpenTelemetry to Zipkin Transformation, "SpanKind" */
const kinds = new Map([
  ["SERVER", 2],
  ["CLIENT", 3],
  ["PRODUCER", 4],
  ["CONSUMER", 5],
]);
const kindInternal = 1;
const kindServer = 2;
const statusCodes = new Map([
  ["OK", 1],
  ["ERROR", 2],
]);

/**
 * An OTLP/JSON request of a list of Zipkin v2 spans.
 * @throws CollectorError QUARTET_OTLP_INVALID naming the path, as in `[3].traceId`.
 * @see OpenTelemetry to Zipkin Transformation; Zipkin API v2, "Span"
 */
export function buildTracesRequest(body: Uint8Array, nowMs: number): object {
  const services = new Map<string, Map<string, { readonly scope: object; readonly spans: object[] }>>();
  const document = parseJson(body);
  if (!Array.isArray(document)) invalid("the body", "a list of spans");
  for (const [index, value] of (document as readonly unknown[]).entries()) {
    const { service, scope, span } = parseSpan(value, `[${index}]`, nowMs);
    let scopes = services.get(service);
    if (scopes === undefined) services.set(service, (scopes = new Map()));
    const key = JSON.stringify(scope);
    let group = scopes.get(key);
    if (group === undefined) scopes.set(key, (group = { scope, spans: [] }));
    group.spans.push(span);
  }
  return {
    resourceSpans: [...services].map(([service, scopes]) => ({
      resource: { attributes: attributesOf([["service.name", service]]) },
      scopeSpans: [...scopes.values()],
    })),
  };
}

function parseSpan(
  value: unknown,
  path: string,
  nowMs: number,
): { readonly service: string; readonly scope: object; readonly span: object } {
  const plain = objectAt(value, path);
  const traceId = idAt(plain["traceId"], `${path}.traceId`, 32);
  const id = idAt(plain["id"], `${path}.id`, 16);
  const parentId = isAbsent(plain["parentId"]) ? undefined : idAt(plain["parentId"], `${path}.parentId`, 16);
  const kind = kindAt(plain["kind"], `${path}.kind`);
  const local = endpointAt(plain["localEndpoint"], `${path}.localEndpoint`);
  const remote = endpointAt(plain["remoteEndpoint"], `${path}.remoteEndpoint`);
  const tags = new Map(pairsOf(textPairsAt(plain["tags"], `${path}.tags`)));
  const events = listAt(plain["annotations"], `${path}.annotations`).map((annotation, index) =>
    parseAnnotation(annotation, `${path}.annotations[${index}]`),
  );
  const status = takeStatus(tags);
  const scope = takeScope(tags);
  const attributes: Attribute[] = [...tags];
  const say = (key: string, text: string | number | undefined) => {
    if (text !== undefined && !tags.has(key)) attributes.push([key, text]);
  };
  say("peer.service", remote.serviceName);
  say("network.peer.address", remote.address);
  say("network.peer.port", remote.port);
  say("network.local.address", local.address);
  say("network.local.port", local.port);
  const startMicros = isAbsent(plain["timestamp"])
    ? undefined
    : wholeAt(plain["timestamp"], `${path}.timestamp`);
  const durationMicros = isAbsent(plain["duration"]) ? 0n : wholeAt(plain["duration"], `${path}.duration`);
  // A server may leave its times to the client that it shares the span with.
  if (startMicros === undefined) attributes.push(["zipkin.timestamp_absent", true]);
  const firstNano = startMicros === undefined ? firstOf(events, nowMs) : startMicros * 1_000n;
  // Span ids are one's own in OpenTelemetry: the server's half of a shared span becomes a child of the client's.
  const isShared = plain["shared"] === true && kind === kindServer;
  return {
    service: local.serviceName ?? "unknown_service",
    scope,
    span: {
      traceId,
      spanId: isShared ? sharedId(traceId, id) : id,
      parentSpanId: isShared ? id : parentId,
      name: isAbsent(plain["name"]) ? "" : textAt(plain["name"], `${path}.name`),
      kind,
      startTimeUnixNano: String(firstNano),
      endTimeUnixNano: String(firstNano + durationMicros * 1_000n),
      attributes: attributesOf(attributes),
      events: events.map(({ timeUnixNano, ...event }) => ({ ...event, timeUnixNano: String(timeUnixNano) })),
      status,
    },
  };
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** Up to `digitCount` hexadecimal digits, filled up with zeros: Zipkin's trace ids may have 64 bits. */
function idAt(value: unknown, path: string, digitCount: number): string {
  if (typeof value !== "string" || value.length > digitCount || !/^[0-9a-fA-F]+$/.test(value))
    return invalid(path, `1 to ${digitCount} hexadecimal digits`);
  return value.toLowerCase().padStart(digitCount, "0");
}

function kindAt(value: unknown, path: string): number {
  if (isAbsent(value)) return kindInternal;
  const kind = typeof value === "string" ? kinds.get(value) : undefined;
  return kind ?? invalid(path, `one of ${[...kinds.keys()].join(", ")}`);
}

/** Microseconds; some clients send them with a fraction. */
function wholeAt(value: unknown, path: string): bigint {
  if (typeof value !== "number" || value < 0 || value > Number.MAX_SAFE_INTEGER)
    return invalid(path, "a number of microseconds");
  return BigInt(Math.floor(value));
}

interface Endpoint {
  readonly serviceName: string | undefined;
  readonly address: string | undefined;
  readonly port: number | undefined;
}

function endpointAt(value: unknown, path: string): Endpoint {
  if (isAbsent(value)) return { serviceName: undefined, address: undefined, port: undefined };
  const plain = objectAt(value, path);
  const text = (name: string) => (isAbsent(plain[name]) ? "" : textAt(plain[name], `${path}.${name}`));
  const port = isAbsent(plain["port"]) ? 0 : plain["port"];
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65_535)
    return invalid(`${path}.port`, "a port");
  return {
    serviceName: text("serviceName") || undefined,
    address: text("ipv4") || text("ipv6") || undefined,
    port: port || undefined,
  };
}

interface SpanEvent {
  readonly timeUnixNano: bigint;
  readonly name: string;
  readonly attributes?: object[];
}

function parseAnnotation(value: unknown, path: string): SpanEvent {
  const plain = objectAt(value, path);
  const timeUnixNano = wholeAt(plain["timestamp"], `${path}.timestamp`) * 1_000n;
  const text = textAt(plain["value"], `${path}.value`);
  return { timeUnixNano, ...(parseEvent(text) ?? { name: text }) };
}

/** OpenTelemetry's exporters write an event with attributes as `"name": { "key": "value" }`. */
function parseEvent(text: string): { readonly name: string; readonly attributes: object[] } | undefined {
  if (!/^"(?:[^"\\]|\\.)*"\s*:\s*\{/.test(text)) return undefined;
  try {
    const [entry] = Object.entries(JSON.parse(`{${text}}`) as Record<string, Record<string, unknown>>);
    const attributes = Object.entries(entry![1]).map(([key, value]): Attribute => {
      const isPlain = typeof value === "string" || typeof value === "boolean" || typeof value === "number";
      return [key.toWellFormed(), isPlain ? value : JSON.stringify(value)];
    });
    return { name: entry![0].toWellFormed(), attributes: attributesOf(attributes) };
  } catch {
    // Somebody's own text that begins alike.
    return undefined;
  }
}

function firstOf(events: readonly SpanEvent[], nowMs: number): bigint {
  let first: bigint | undefined;
  for (const { timeUnixNano } of events)
    if (first === undefined || timeUnixNano < first) first = timeUnixNano;
  return first ?? BigInt(nowMs) * 1_000_000n;
}

/** The tag `error` says that the span failed, and why, unless its value is "false". */
function takeStatus(tags: Map<string, string>): object | undefined {
  const error = tags.get("error");
  const code = statusCodes.get(tags.get("otel.status_code") ?? "");
  const description = tags.get("otel.status_description");
  tags.delete("error");
  if (code !== undefined) tags.delete("otel.status_code");
  if (error === undefined || error === "false") {
    return code === undefined ? undefined : { code, message: description ?? "" };
  }
  return { code: 2, message: error === "true" ? (description ?? "") : error };
}

/** The scope, by the names of the mapping to formats that have none. @see OpenTelemetry, "Mapping to non-OTLP" */
function takeScope(tags: Map<string, string>): object {
  const take = (...names: string[]) => {
    const texts = names.map((name) => tags.get(name));
    for (const name of names) tags.delete(name);
    return texts.find((text) => text !== undefined) ?? "";
  };
  return {
    name: take("otel.scope.name", "otel.library.name"),
    version: take("otel.scope.version", "otel.library.version"),
  };
}

/** The same whenever the span is sent. */
function sharedId(traceId: string, id: string): string {
  return createHash("sha256").update(`${traceId}:${id}:server`).digest("hex").slice(0, 16);
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < flat.length; at += 2) pairs.push([flat[at]!, flat[at + 1]!]);
  return pairs;
}

function attributesOf(attributes: readonly Attribute[]): object[] {
  return attributes.map(([key, value]) => {
    if (typeof value === "string") return { key, value: { stringValue: value.toWellFormed() } };
    if (typeof value === "boolean") return { key, value: { boolValue: value } };
    return { key, value: Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
  });
}
