import type { Labels } from "../model/index.ts";
import type { Interner } from "./interner.ts";
import type { Family, SeriesTable } from "./series-table.ts";

/** One counter per service and variant (a severity, say), each a series. */
export interface ServiceCounters {
  /** `service` -1 counts for the overflow series. */
  add(service: number, variant: number, count: number, recordMs: number): void;
  /** Ends the series last counted before `cutoffMs`. */
  sweep(cutoffMs: number): void;
  snapshot(): ServiceCountersState;
  restore(state: ServiceCountersState): void;
}

export interface ServiceCountersState {
  readonly rows: readonly {
    readonly service: number;
    readonly variant: number;
    readonly value: number;
    readonly seenMs: number;
    /** Start of the counter; 0 = never written. */
    readonly startMs: number;
  }[];
}

interface Row {
  readonly service: number;
  readonly variant: number;
  readonly id: number;
  value: number;
  seenMs: number;
}

export function createServiceCounters({
  table,
  services,
  family,
  variantCount,
  labels,
}: {
  readonly table: SeriesTable;
  readonly services: Interner;
  readonly family: Family;
  readonly variantCount: number;
  /** Labels of the series of a service and variant; undefined asks for the overflow series. */
  readonly labels: (of: { readonly service: string; readonly variant: number } | undefined) => Labels;
}): ServiceCounters {
  /** By service * variantCount + variant. */
  const rows: (Row | undefined)[] = [];
  let overflow: Row | undefined;

  function addRow(service: number, variant: number, introducedStartMs = 0): Row | undefined {
    const isOverflow = service < 0;
    const id = table.add({
      labels: labels(isOverflow ? undefined : { service: services.text(service), variant }),
      family,
      origin: { kind: "step_before" },
      ...(introducedStartMs > 0 ? { introducedStartMs } : {}),
      ...(isOverflow ? { isOverflow } : {}),
    });
    if (id < 0) return undefined;
    const row: Row = { service, variant, id, value: 0, seenMs: 0 };
    if (isOverflow) overflow = row;
    else rows[service * variantCount + variant] = row;
    return row;
  }

  function rowOf(service: number, variant: number): Row {
    if (service >= 0) {
      const row = rows[service * variantCount + variant] ?? addRow(service, variant);
      if (row !== undefined) return row;
    }
    return overflow ?? addRow(-1, 0)!;
  }

  const living = (): Row[] => [...rows, overflow].filter((row) => row !== undefined);

  return {
    add(service, variant, count, recordMs) {
      const row = rowOf(service, variant);
      row.value += count;
      row.seenMs = recordMs;
      table.set(row.id, row.value);
    },
    sweep(cutoffMs) {
      for (const row of living()) {
        if (row.seenMs >= cutoffMs) continue;
        table.remove(row.id);
        if (row === overflow) overflow = undefined;
        else rows[row.service * variantCount + row.variant] = undefined;
      }
    },
    snapshot: () => ({
      rows: living().map(({ service, variant, id, value, seenMs }) => ({
        service,
        variant,
        value,
        seenMs,
        startMs: table.introducedStartMs(id) ?? 0,
      })),
    }),
    restore(state) {
      for (const { service, variant, value, seenMs, startMs } of state.rows) {
        const row = addRow(service, variant, startMs);
        if (row === undefined) continue;
        row.value = value;
        row.seenMs = seenMs;
        table.load(row.id, value);
      }
    },
  };
}
