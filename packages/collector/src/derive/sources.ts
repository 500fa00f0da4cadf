import { labelsFromRecord, metricNameLabel } from "../model/index.ts";
import { createInterner, type Interner } from "./interner.ts";
import type { Family, SeriesTable } from "./series-table.ts";

/** `quartet_source_up{service_name,service_instance_id}`: which pushing services are heard. */
export interface Sources {
  /** Something arrived from this instance. Only metrics come at a steady pace, so they teach its interval best. */
  heard(
    source: { readonly service: string; readonly instance: string },
    recordMs: number,
    isMetrics: boolean,
  ): void;
  /**
   * Decides at grid point `gridMs` who is silent. Silence counts from `resumedMs` at the earliest: the time before,
   * the collector itself was deaf.
   */
  closeGrid(gridMs: number, resumedMs: number): void;
  /** Ends the series of sources silent since before `cutoffMs`. */
  sweep(cutoffMs: number): void;
  /** Called when a source falls silent. */
  onSilent(callback: (source: { readonly service: string; readonly instance: string }) => void): void;
  snapshot(): SourcesState;
  restore(state: SourcesState): void;
}

/** Where a scanner found what identifies a resource; starts of what is absent are -1. */
export interface ResourceScan {
  readonly serviceInstanceIdStart: number;
  readonly serviceInstanceIdEnd: number;
}

/** Hears from scanned resources: names are looked up by their bytes, so that a known source costs no string. */
export interface ResourceSources {
  /** `service` is the number of its name, -1 when there are too many. */
  heard(bytes: Uint8Array, scan: ResourceScan, service: number, recordMs: number): void;
}

export function createResourceSources({
  sources,
  services,
}: {
  readonly sources: Sources;
  readonly services: Interner;
}): ResourceSources {
  const instances = createInterner({ entriesMax: sourcesMax });
  return {
    heard(bytes, { serviceInstanceIdStart: start, serviceInstanceIdEnd: end }, service, recordMs) {
      if (service < 0) return;
      let instance = "";
      if (start >= 0) {
        if (instances.size >= sourcesMax) instances.sweep(Infinity);
        instance = instances.text(instances.intern(bytes, start, end, recordMs));
      }
      sources.heard({ service: services.text(service), instance }, recordMs, false);
    },
  };
}

export interface SourcesState {
  readonly rows: readonly SourceState[];
}

interface SourceState {
  readonly service: string;
  readonly instance: string;
  heardMs: number;
  /** When its last metrics arrived; -1 before there were any. */
  metricsMs: number;
  /** Mean gap between its metrics; 0 until there were two gaps. */
  metricsIntervalMs: number;
  metricsGaps: number;
  /** Longest recent gap between any two of its records. */
  gapMs: number;
  isUp: boolean;
}

interface Source {
  readonly id: number;
  readonly state: SourceState;
}

/** Before anything is known of a source's pace: the default of OpenTelemetry's periodic metric reader. */
const intervalUnknownMs = 60_000;
const intervalMinMs = 1_000;
const intervalMaxMs = 300_000;
const intervalsOfSilence = 3;
/** Records of one flush arrive together; that is no interval. */
const gapMinMs = 100;
const sourcesMax = 10_000;
const never = -1;

const family: Family = {
  type: "gauge",
  help: "1 while a pushing service instance is heard, 0 when it has been silent for three of its intervals.",
  unit: "",
};

export function createSources({ table }: { readonly table: SeriesTable }): Sources {
  const byKey = new Map<string, Source>();
  const callbacks: ((source: SourceState) => void)[] = [];
  const keyOf = (service: string, instance: string) => `${service}\0${instance}`;

  function add(state: SourceState): Source | undefined {
    if (byKey.size >= sourcesMax) return undefined;
    const { service, instance } = state;
    const id = table.add({
      labels: labelsFromRecord({
        [metricNameLabel]: "quartet_source_up",
        service_name: service,
        service_instance_id: instance,
      }),
      family,
      origin: { kind: "none" },
    });
    if (id < 0) return undefined;
    const source: Source = { id, state: { ...state } };
    byKey.set(keyOf(service, instance), source);
    return source;
  }

  return {
    heard({ service, instance }, recordMs, isMetrics) {
      const known = byKey.get(keyOf(service, instance));
      if (known !== undefined) {
        hear(known.state, recordMs, isMetrics);
        table.set(known.id, 1);
        return;
      }
      const added = add({
        service,
        instance,
        heardMs: recordMs,
        metricsMs: isMetrics ? recordMs : never,
        metricsIntervalMs: 0,
        metricsGaps: 0,
        gapMs: 0,
        isUp: true,
      });
      if (added !== undefined) table.set(added.id, 1);
    },
    closeGrid(gridMs, resumedMs) {
      for (const { id, state } of byKey.values()) {
        if (!state.isUp) continue;
        const silentMs = gridMs - Math.max(state.heardMs, resumedMs);
        if (silentMs <= intervalsOfSilence * intervalMs(state)) continue;
        state.isUp = false;
        table.set(id, 0);
        for (const callback of callbacks) callback(state);
      }
    },
    sweep(cutoffMs) {
      for (const [key, { id, state }] of byKey) {
        if (state.isUp || state.heardMs >= cutoffMs) continue;
        table.remove(id);
        byKey.delete(key);
      }
    },
    onSilent: (callback) => callbacks.push(callback),
    snapshot: () => ({ rows: [...byKey.values()].map(({ state }) => ({ ...state })) }),
    restore(state) {
      for (const row of state.rows) {
        const source = add(row);
        if (source !== undefined) table.load(source.id, row.isUp ? 1 : 0);
      }
    },
  };
}

function hear(state: SourceState, recordMs: number, isMetrics: boolean): void {
  const gapMs = recordMs - state.heardMs;
  // Slowly forgets a long gap, so that a service that has become talkative is missed sooner.
  if (gapMs >= gapMinMs) state.gapMs = Math.max(gapMs, state.gapMs * 0.99);
  state.heardMs = recordMs;
  if (!state.isUp) forgetInterval(state);
  if (isMetrics) learnInterval(state, recordMs);
  state.isUp = true;
}

function learnInterval(state: SourceState, recordMs: number): void {
  const gapMs = recordMs - state.metricsMs;
  if (state.metricsMs !== never) {
    if (gapMs < gapMinMs) return;
    state.metricsGaps += 1;
    const weight = Math.max(0.2, 1 / state.metricsGaps);
    state.metricsIntervalMs += (gapMs - state.metricsIntervalMs) * weight;
  }
  state.metricsMs = recordMs;
}

/** After a silence: it was an outage, which is no interval, or the source now sends more rarely; both are learned anew. */
function forgetInterval(state: SourceState): void {
  state.metricsGaps = 0;
  state.metricsIntervalMs = 0;
  state.metricsMs = never;
}

/** What the source is taken to send at. */
function intervalMs({ metricsGaps, metricsIntervalMs, gapMs }: SourceState): number {
  const learned = metricsGaps >= 2 ? metricsIntervalMs : Math.max(gapMs, intervalUnknownMs);
  return Math.min(intervalMaxMs, Math.max(intervalMinMs, learned));
}
