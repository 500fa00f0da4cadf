import { labelsFromRecord, metricNameLabel, type Exemplar, type Labels } from "../model/index.ts";
import type { Interner } from "./interner.ts";
import type { Family, SeriesTable } from "./series-table.ts";
import { createSpanKeys, type SpanKey } from "./span-keys.ts";

/** Upper bounds of the duration buckets in milliseconds: those of the OpenTelemetry Collector's spanmetrics connector. */
export const durationBoundsMs: readonly number[] = [
  2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000,
];

/** One span as the scanner sees it; the same object every time, filled in anew. */
export interface SpanFacts {
  bytes: Uint8Array;
  /** Number of the service's name; -1 when there are too many services. */
  service: number;
  nameStart: number;
  nameEnd: number;
  kind: number;
  status: number;
  durationMs: number;
  /** How many spans it stands for. */
  count: number;
  /** 16 and 8 bytes; negative when the span has none. */
  traceIdStart: number;
  spanIdStart: number;
}

/** Rate, errors and duration of spans by service, span name, kind and status. */
export interface RedCounters {
  count(span: SpanFacts, recordMs: number): void;
  /** Brings the table up to date with what was counted. */
  flush(): void;
  /** Ends the series of keys last seen before `cutoffMs`. */
  sweep(cutoffMs: number): void;
  refreshWatched(): void;
  snapshot(): RedState;
  restore(state: RedState): void;
}

export interface RedState {
  /** Service, name, kind and status of each key; service and name of the overflow key are -1. */
  readonly keys: Int32Array;
  readonly calls: Float64Array;
  readonly sumMs: Float64Array;
  /** Not cumulative, `durationBoundsMs.length + 1` a key. */
  readonly buckets: Float64Array;
  readonly seenMs: Float64Array;
  /** Per key and series: start of the counter, 0 = never written. */
  readonly startMs: Float64Array;
}

const bucketCount = durationBoundsMs.length + 1;
/** Per key: calls, sum, count, then the buckets. */
const seriesPerKey = 3 + bucketCount;
const kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"] as const;
const statuses = ["UNSET", "OK", "ERROR"] as const;
const statusError = 2;
const exemplarBytes = 24;

const callsFamily: Family = { type: "counter", help: "Spans by service, name, kind and status.", unit: "" };
const durationFamily: Family = {
  type: "histogram",
  help: "Duration of spans by service, name, kind and status.",
  unit: "milliseconds",
};

export function createRedCounters({
  table,
  services,
  names,
}: {
  readonly table: SeriesTable;
  readonly services: Interner;
  readonly names: Interner;
}): RedCounters {
  const keys = createSpanKeys();
  let room = 64;
  let calls = new Float64Array(room);
  let sumMs = new Float64Array(room);
  let buckets = new Float64Array(room * bucketCount);
  let seenMs = new Float64Array(room);
  let isDirty = new Uint8Array(room);
  let isWatched = new Uint8Array(room);
  /** 0 none, 1 there is one, 2 it is of an error. */
  let hasExemplar = new Uint8Array(room);
  let exemplarIds = new Uint8Array(room * exemplarBytes);
  let exemplarMs = new Float64Array(room);
  let exemplarCount = new Float64Array(room);
  let seriesIds = new Int32Array(room * seriesPerKey);
  let dirty: number[] = [];
  let overflowKey = -1;

  function grow(): void {
    room *= 2;
    calls = floats(calls, room);
    sumMs = floats(sumMs, room);
    buckets = floats(buckets, room * bucketCount);
    seenMs = floats(seenMs, room);
    exemplarMs = floats(exemplarMs, room);
    exemplarCount = floats(exemplarCount, room);
    isDirty = bytes(isDirty, room);
    isWatched = bytes(isWatched, room);
    hasExemplar = bytes(hasExemplar, room);
    exemplarIds = bytes(exemplarIds, room * exemplarBytes);
    const ids = new Int32Array(room * seriesPerKey);
    ids.set(seriesIds);
    seriesIds = ids;
  }

  function addKey(key: SpanKey, starts?: Float64Array): number {
    const id = keys.add(key);
    if (id >= room) grow();
    calls[id] = 0;
    sumMs[id] = 0;
    buckets.fill(0, id * bucketCount, (id + 1) * bucketCount);
    const isOverflow = key.service < 0 ? { isOverflow: true as const } : {};
    for (const [index, labels] of labelSets(baseLabels(key)).entries()) {
      const startMs = starts?.[index] ?? 0;
      seriesIds[id * seriesPerKey + index] = table.add({
        labels,
        family: index === 0 ? callsFamily : durationFamily,
        origin: { kind: "step_before" },
        ...(startMs > 0 ? { introducedStartMs: startMs } : {}),
        ...isOverflow,
      });
    }
    isWatched[id] = watches(id);
    return id;
  }

  function baseLabels({ service, name, kind, status }: SpanKey): Record<string, string> {
    if (service < 0) return { otel_metric_overflow: "true" };
    return {
      service_name: services.text(service),
      span_name: names.text(name),
      span_kind: `SPAN_KIND_${kinds[kind]!}`,
      status_code: `STATUS_CODE_${statuses[status]!}`,
    };
  }

  function watches(id: number): 0 | 1 {
    for (let index = 0; index < seriesPerKey; index += 1) {
      if (table.isWatched(seriesIds[id * seriesPerKey + index]!)) return 1;
    }
    return 0;
  }

  function keyOf(
    { service, bytes: from, nameStart, nameEnd, kind, status }: SpanFacts,
    recordMs: number,
  ): number {
    const name = service < 0 ? -1 : names.intern(from, nameStart, nameEnd, recordMs);
    if (name >= 0) {
      const known = keys.find(service, name, kind, status);
      if (known >= 0) return known;
      if (table.hasRoom(seriesPerKey)) return addKey({ service, name, kind, status });
    }
    if (overflowKey < 0) overflowKey = addKey({ service: -1, name: -1, kind: 0, status: 0 });
    return overflowKey;
  }

  /** The first span of a step stays as the example, unless an error comes after one that was none. */
  function takeExemplar(id: number, span: SpanFacts, recordMs: number): void {
    if (span.traceIdStart < 0 || span.spanIdStart < 0) return;
    const at = id * exemplarBytes;
    for (let index = 0; index < 16; index += 1)
      exemplarIds[at + index] = span.bytes[span.traceIdStart + index]!;
    for (let index = 0; index < 8; index += 1)
      exemplarIds[at + 16 + index] = span.bytes[span.spanIdStart + index]!;
    exemplarMs[id] = recordMs;
    exemplarCount[id] = span.count;
    hasExemplar[id] = span.status === statusError ? 2 : 1;
  }

  function exemplarOf(id: number): Exemplar {
    const at = id * exemplarBytes;
    const hex = Buffer.from(exemplarIds.buffer, at, exemplarBytes).toString("hex");
    return {
      labels: ["span_id", hex.slice(32), "trace_id", hex.slice(0, 32)],
      value: exemplarCount[id]!,
      timestampMs: exemplarMs[id]!,
    };
  }

  function eachValue(id: number, put: (seriesId: number, value: number) => void): void {
    const first = id * seriesPerKey;
    put(seriesIds[first]!, calls[id]!);
    put(seriesIds[first + 1]!, sumMs[id]!);
    put(seriesIds[first + 2]!, calls[id]!);
    let cumulative = 0;
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      cumulative += buckets[id * bucketCount + bucket]!;
      put(seriesIds[first + 3 + bucket]!, cumulative);
    }
  }

  return {
    count(span, recordMs) {
      const kind = span.kind < kinds.length ? span.kind : 0;
      const status = span.status < statuses.length ? span.status : 0;
      span.kind = kind;
      span.status = status;
      const id = keyOf(span, recordMs);
      calls[id]! += span.count;
      sumMs[id]! += span.durationMs * span.count;
      let bucket = 0;
      while (bucket < durationBoundsMs.length && span.durationMs > durationBoundsMs[bucket]!) bucket += 1;
      buckets[id * bucketCount + bucket]! += span.count;
      seenMs[id] = recordMs;
      const exemplar = hasExemplar[id]!;
      if (exemplar === 0 || (exemplar === 1 && status === statusError)) takeExemplar(id, span, recordMs);
      if (isDirty[id] === 0) {
        isDirty[id] = 1;
        dirty.push(id);
        if (isWatched[id] === 1) table.noteWatched();
      }
    },
    flush() {
      for (const id of dirty) {
        isDirty[id] = 0;
        if (hasExemplar[id] !== 0) table.setExemplar(seriesIds[id * seriesPerKey]!, exemplarOf(id));
        hasExemplar[id] = 0;
        eachValue(id, table.set);
      }
      dirty = [];
    },
    sweep(cutoffMs) {
      const idle: number[] = [];
      for (let id = 0; id < keys.idEnd; id += 1) {
        if (keys.key(id) === undefined || seenMs[id]! >= cutoffMs) continue;
        for (let index = 0; index < seriesPerKey; index += 1)
          table.remove(seriesIds[id * seriesPerKey + index]!);
        if (id === overflowKey) overflowKey = -1;
        idle.push(id);
      }
      keys.remove(idle);
    },
    refreshWatched() {
      for (let id = 0; id < keys.idEnd; id += 1) if (keys.key(id) !== undefined) isWatched[id] = watches(id);
    },
    snapshot() {
      const ids: number[] = [];
      for (let id = 0; id < keys.idEnd; id += 1) if (keys.key(id) !== undefined) ids.push(id);
      const state = emptyState(ids.length);
      for (const [at, id] of ids.entries()) {
        const { service, name, kind, status } = keys.key(id)!;
        state.keys.set([service, name, kind, status], at * 4);
        state.calls[at] = calls[id]!;
        state.sumMs[at] = sumMs[id]!;
        state.seenMs[at] = seenMs[id]!;
        state.buckets.set(buckets.subarray(id * bucketCount, (id + 1) * bucketCount), at * bucketCount);
        for (let index = 0; index < seriesPerKey; index += 1) {
          const startMs = table.introducedStartMs(seriesIds[id * seriesPerKey + index]!) ?? 0;
          state.startMs[at * seriesPerKey + index] = startMs;
        }
      }
      return state;
    },
    restore(state) {
      for (const at of state.calls.keys()) {
        const [service, name, kind, status] = state.keys.subarray(at * 4) as unknown as [
          number,
          number,
          number,
          number,
        ];
        const key = { service, name, kind, status };
        const id = addKey(key, state.startMs.subarray(at * seriesPerKey, (at + 1) * seriesPerKey));
        if (key.service < 0) overflowKey = id;
        calls[id] = state.calls[at]!;
        sumMs[id] = state.sumMs[at]!;
        seenMs[id] = state.seenMs[at]!;
        buckets.set(state.buckets.subarray(at * bucketCount, (at + 1) * bucketCount), id * bucketCount);
        eachValue(id, table.load);
      }
    },
  };
}

function emptyState(count: number) {
  return {
    keys: new Int32Array(count * 4),
    calls: new Float64Array(count),
    sumMs: new Float64Array(count),
    buckets: new Float64Array(count * bucketCount),
    seenMs: new Float64Array(count),
    startMs: new Float64Array(count * seriesPerKey),
  };
}

// Every key has series of these names: each text is there once.
const callsName = "traces_span_metrics_calls_total";
const sumName = "traces_span_metrics_duration_milliseconds_sum";
const countName = "traces_span_metrics_duration_milliseconds_count";
const bucketName = "traces_span_metrics_duration_milliseconds_bucket";
const bounds = [...durationBoundsMs.map(String), "+Inf"];

/** In the order of a key's series. */
function labelSets(base: Readonly<Record<string, string>>): Labels[] {
  const named = (name: string, more: Readonly<Record<string, string>> = {}) =>
    labelsFromRecord({ ...base, ...more, [metricNameLabel]: name });
  return [
    named(callsName),
    named(sumName),
    named(countName),
    ...bounds.map((le) => named(bucketName, { le })),
  ];
}

function floats(from: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(length);
  larger.set(from);
  return larger;
}

function bytes(from: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length);
  larger.set(from);
  return larger;
}
