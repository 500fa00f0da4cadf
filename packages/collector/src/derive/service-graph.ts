import { labelsFromRecord, metricNameLabel, type Labels } from "../model/index.ts";
import type { Interner } from "./interner.ts";
import { durationBoundsMs } from "./red.ts";
import type { Family, SeriesTable } from "./series-table.ts";
import type { Half } from "./span-pairs.ts";

/** What connects client and server; "" for a plain call. */
export type ConnectionType = "" | "messaging_system";

/** Requests between services, counted once both sides have been seen. */
export interface ServiceGraph {
  count(
    edge: { readonly client: Half; readonly server: Half; readonly type: ConnectionType },
    recordMs: number,
  ): void;
  /** Brings the table up to date with what was counted. */
  flush(): void;
  refreshWatched(): void;
  /** Ends the series of edges last seen before `cutoffMs`. */
  sweep(cutoffMs: number): void;
  snapshot(): ServiceGraphState;
  restore(state: ServiceGraphState): void;
}

export interface ServiceGraphState {
  readonly edges: readonly {
    readonly client: number;
    readonly server: number;
    readonly type: ConnectionType;
    readonly seenMs: number;
    readonly cells: Float64Array;
    /** Per series: start of the counter, 0 = never written. */
    readonly startMs: Float64Array;
  }[];
}

interface Edge {
  readonly client: number;
  readonly server: number;
  readonly type: ConnectionType;
  seenMs: number;
  /** Total, failed, then for server and client: sum in seconds and the buckets, not cumulative. */
  readonly cells: Float64Array<ArrayBuffer>;
  /** In the order of `labelSets`. */
  readonly ids: Int32Array;
  isDirty: boolean;
  isWatched: boolean;
}

const bucketCount = durationBoundsMs.length + 1;
const cellsPerSide = 1 + bucketCount;
const seriesPerSide = 2 + bucketCount;
const seriesPerEdge = 2 + 2 * seriesPerSide;
const overflowKey = -1;
const prefix = "traces_service_graph_request";

const countFamily: Family = { type: "counter", help: "Requests between two services.", unit: "" };
const secondsFamily: Family = {
  type: "histogram",
  help: "Duration of requests between two services, as the side in the name saw it.",
  unit: "seconds",
};

export function createServiceGraph({
  table,
  services,
}: {
  readonly table: SeriesTable;
  readonly services: Interner;
}): ServiceGraph {
  const edges = new Map<number, Edge>();
  let dirty: Edge[] = [];
  /** Numbers of services are far below 2^25, so that the key stays exact; it is made for every pair, and makes no string. */
  const keyOf = (client: number, server: number, type: ConnectionType) =>
    client < 0 ? overflowKey : (client * 2 ** 25 + server) * 2 + (type === "" ? 0 : 1);
  const watches = ({ ids }: { readonly ids: Int32Array }) => ids.some((id) => table.isWatched(id));

  function addEdge(client: number, server: number, type: ConnectionType, starts?: Float64Array): Edge {
    const isOverflow = client < 0;
    const base: Record<string, string> = isOverflow
      ? { otel_metric_overflow: "true" }
      : { client: services.text(client), server: services.text(server), connection_type: type };
    const ids = new Int32Array(seriesPerEdge);
    for (const [index, labels] of labelSets(base).entries()) {
      const startMs = starts?.[index] ?? 0;
      ids[index] = table.add({
        labels,
        family: index < 2 ? countFamily : secondsFamily,
        origin: { kind: "step_before" },
        ...(startMs > 0 ? { introducedStartMs: startMs } : {}),
        ...(isOverflow ? { isOverflow } : {}),
      });
    }
    const cells = new Float64Array(2 + 2 * cellsPerSide);
    const isWatched = watches({ ids });
    const edge: Edge = { client, server, type, seenMs: 0, cells, ids, isDirty: false, isWatched };
    edges.set(keyOf(client, server, type), edge);
    return edge;
  }

  function edgeOf(client: number, server: number, type: ConnectionType): Edge {
    if (client >= 0 && server >= 0) {
      const known = edges.get(keyOf(client, server, type));
      if (known !== undefined) return known;
      if (table.hasRoom(seriesPerEdge)) return addEdge(client, server, type);
    }
    return edges.get(overflowKey) ?? addEdge(-1, -1, "");
  }

  function eachValue({ cells, ids }: Edge, put: (seriesId: number, value: number) => void): void {
    put(ids[0]!, cells[0]!);
    put(ids[1]!, cells[1]!);
    for (const side of [0, 1]) {
      const firstCell = 2 + side * cellsPerSide;
      const firstId = 2 + side * seriesPerSide;
      put(ids[firstId]!, cells[firstCell]!);
      let cumulative = 0;
      for (let bucket = 0; bucket < bucketCount; bucket += 1) {
        cumulative += cells[firstCell + 1 + bucket]!;
        put(ids[firstId + 2 + bucket]!, cumulative);
      }
      put(ids[firstId + 1]!, cumulative);
    }
  }

  return {
    count({ client, server, type }, recordMs) {
      const edge = edgeOf(client.service, server.service, type);
      edge.seenMs = recordMs;
      edge.cells[0]! += server.count;
      if (client.isFailed || server.isFailed) edge.cells[1]! += server.count;
      for (const [side, { durationMs }] of [server, client].entries()) {
        const first = 2 + side * cellsPerSide;
        edge.cells[first]! += (durationMs / 1_000) * server.count;
        let bucket = 0;
        while (bucket < durationBoundsMs.length && durationMs > durationBoundsMs[bucket]!) bucket += 1;
        edge.cells[first + 1 + bucket]! += server.count;
      }
      if (edge.isDirty) return;
      edge.isDirty = true;
      dirty.push(edge);
      if (edge.isWatched) table.noteWatched();
    },
    flush() {
      for (const edge of dirty) {
        edge.isDirty = false;
        eachValue(edge, table.set);
      }
      dirty = [];
    },
    refreshWatched() {
      for (const edge of edges.values()) edge.isWatched = watches(edge);
    },
    sweep(cutoffMs) {
      for (const [key, edge] of edges) {
        if (edge.seenMs >= cutoffMs) continue;
        for (const id of edge.ids) table.remove(id);
        edges.delete(key);
      }
    },
    snapshot: () => ({
      edges: [...edges.values()].map(({ client, server, type, seenMs, cells, ids }) => ({
        client,
        server,
        type,
        seenMs,
        cells: cells.slice(),
        startMs: Float64Array.from(ids, (id) => table.introducedStartMs(id) ?? 0),
      })),
    }),
    restore(state) {
      for (const { client, server, type, seenMs, cells, startMs } of state.edges) {
        const edge = addEdge(client, server, type, startMs);
        edge.seenMs = seenMs;
        edge.cells.set(cells);
        eachValue(edge, table.load);
      }
    },
  };
}

/** Name and `le` of each series of an edge, in their order: each text is there once. */
const seriesNames: readonly (readonly [name: string, le?: string])[] = [
  [`${prefix}_total`],
  [`${prefix}_failed_total`],
  ...["server", "client"].flatMap((side): (readonly [string, string?])[] => {
    const bucketName = `${prefix}_${side}_seconds_bucket`;
    const bounds = [...durationBoundsMs.map((boundMs) => String(boundMs / 1_000)), "+Inf"];
    return [
      [`${prefix}_${side}_seconds_sum`],
      [`${prefix}_${side}_seconds_count`],
      ...bounds.map((le) => [bucketName, le] as const),
    ];
  }),
];

function labelSets(base: Readonly<Record<string, string>>): Labels[] {
  return seriesNames.map(([name, le]) =>
    labelsFromRecord({ ...base, ...(le === undefined ? {} : { le }), [metricNameLabel]: name }),
  );
}
