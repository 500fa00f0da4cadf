import { scanSpans, type SpanScan } from "../otlp/index.ts";
import { adjustedCount } from "./adjusted-count.ts";
import type { Interner } from "./interner.ts";
import type { RedCounters, SpanFacts } from "./red.ts";
import type { ServiceCounters } from "./service-counters.ts";
import type { ServiceGraph } from "./service-graph.ts";
import type { ResourceSources } from "./sources.ts";
import type { Half, PairKey, SpanPairs } from "./span-pairs.ts";

const kindServer = 2;
const kindClient = 3;
const kindProducer = 4;
const kindConsumer = 5;
const statusError = 2;
const highNano = 2 ** 32;
/** Spans that ended longer before their receipt count apart: they belong to a time that rules have judged already. */
const lateAfterMs = 300_000;

/**
 * Counts the spans of one record by their offsets; makes no object and no string a span.
 * Semantics of the spanmetrics connector: a resource without service.name is skipped, an end before the start is a duration of 0.
 */
export function createSpanReader({
  services,
  red,
  late,
  pairs,
  graph,
  sources,
  skip,
}: {
  readonly services: Interner;
  readonly red: RedCounters;
  readonly late: ServiceCounters;
  readonly pairs: SpanPairs;
  readonly graph: ServiceGraph;
  readonly sources: ResourceSources;
  readonly skip: (reason: "no_service_name") => void;
}): (payload: Uint8Array, receivedAtMs: number) => void {
  const facts: SpanFacts = {
    bytes: new Uint8Array(),
    service: -1,
    nameStart: 0,
    nameEnd: 0,
    kind: 0,
    status: 0,
    durationMs: 0,
    count: 1,
    traceIdStart: -1,
    spanIdStart: -1,
  };
  const key: { -readonly [K in keyof PairKey]: PairKey[K] } = {
    bytes: facts.bytes,
    traceIdStart: 0,
    spanIdStart: 0,
  };
  const half: { -readonly [K in keyof Half]: Half[K] } = {
    isServer: false,
    service: -1,
    durationMs: 0,
    isFailed: false,
    count: 1,
  };
  let receivedAtMs = 0;
  /** Spans of one resource follow one another; its name is looked up once. */
  let resourceStart = Number.NaN;
  let hasService = false;

  function enterResource(scan: SpanScan): void {
    resourceStart = scan.resourceStart;
    hasService = scan.serviceNameEnd > scan.serviceNameStart && scan.serviceNameStart >= 0;
    if (!hasService) return;
    facts.service = services.intern(facts.bytes, scan.serviceNameStart, scan.serviceNameEnd, receivedAtMs);
    sources.heard(facts.bytes, scan, facts.service, receivedAtMs);
  }

  function pair(scan: SpanScan): void {
    const { kind } = facts;
    const isServer = kind === kindServer || kind === kindConsumer;
    if (!isServer && kind !== kindClient && kind !== kindProducer) return;
    const spanIdStart = isServer ? scan.parentSpanIdStart : facts.spanIdStart;
    if (spanIdStart < 0 || facts.traceIdStart < 0) return;
    key.bytes = facts.bytes;
    key.traceIdStart = facts.traceIdStart;
    key.spanIdStart = spanIdStart;
    half.isServer = isServer;
    half.service = facts.service;
    half.durationMs = facts.durationMs;
    half.isFailed = facts.status === statusError;
    half.count = facts.count;
    const other = pairs.match(key, half, receivedAtMs);
    if (other === undefined) return;
    const type = kind === kindProducer || kind === kindConsumer ? "messaging_system" : "";
    const [client, server] = isServer ? [other, half] : [half, other];
    graph.count({ client, server, type }, receivedAtMs);
  }

  function visit(scan: SpanScan): void {
    if (scan.resourceStart !== resourceStart) enterResource(scan);
    if (!hasService) {
      skip("no_service_name");
      return;
    }
    facts.count =
      scan.traceStateEnd > scan.traceStateStart
        ? adjustedCount(facts.bytes, scan.traceStateStart, scan.traceStateEnd)
        : 1;
    const endMs = (scan.endHigh * highNano + scan.endLow) / 1e6;
    if (receivedAtMs - endMs > lateAfterMs) {
      late.add(facts.service, 0, facts.count, receivedAtMs);
      return;
    }
    // Halves are subtracted apart: whole nanoseconds of today are beyond what a float64 holds exactly.
    const durationNano = (scan.endHigh - scan.startHigh) * highNano + (scan.endLow - scan.startLow);
    facts.durationMs = durationNano > 0 ? durationNano / 1e6 : 0;
    facts.nameStart = scan.nameStart;
    facts.nameEnd = scan.nameEnd;
    facts.kind = scan.kind;
    facts.status = scan.statusCode;
    facts.traceIdStart = scan.traceIdStart;
    facts.spanIdStart = scan.spanIdStart;
    red.count(facts, receivedAtMs);
    pair(scan);
  }

  return (payload, atMs) => {
    receivedAtMs = atMs;
    resourceStart = Number.NaN;
    facts.bytes = payload;
    scanSpans(payload, visit);
  };
}
