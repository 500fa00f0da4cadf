import {
  labelsKey,
  labelValue,
  metricNameLabel,
  type Labels,
  type NativeHistogram,
} from "../../model/index.ts";
import { cellKinds, type Block } from "../block.ts";
import type { ClassicBuckets } from "../histogram/classic.ts";
import { withLabel } from "../label-edit.ts";
import { parseNumber } from "../literal.ts";
import type { Span } from "../position.ts";
import type { QueryState } from "../query-state.ts";

/** A histogram at one step: native, or classic with the buckets that are there. */
export interface HistogramVisitor {
  native(labels: Labels, row: number, step: number, histogram: NativeHistogram): void;
  classic(labels: Labels, group: number, step: number, buckets: ClassicBuckets): void;
}

interface ClassicGroup {
  readonly labels: Labels;
  /** Rows and bounds, ascending by bound. */
  readonly rows: { readonly row: number; readonly bound: number }[];
}

const named = (labels: Labels): string => {
  const name = labelValue(labels, metricNameLabel);
  return name === "" ? "" : ` for metric name ${JSON.stringify(name)}`;
};

// What Go's ParseFloat takes, but no underscores.
function parseBound(text: string): number | undefined {
  return text.includes("_") || /^0[xbo]/i.test(text) ? undefined : parseDecimal(text);
}

function parseDecimal(text: string): number | undefined {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : parseNumber(text);
}

/** Brings the buckets of classic histograms together, once for all steps. */
function groupClassic(state: QueryState, block: Block, span: Span): ClassicGroup[] {
  const { stepCount } = block;
  const groups = new Map<string, ClassicGroup>();
  for (const [row, labels] of block.labels.entries()) {
    const from = row * stepCount;
    if (!block.kinds.subarray(from, from + stepCount).includes(cellKinds.float)) continue;
    const le = labelValue(labels, "le");
    const bound = parseBound(le);
    if (bound === undefined) {
      const shown = state.delayedNameRemoval ? named(labels) : "";
      state.annotations.warn(
        `bucket label "le" is missing or has a malformed value of ${JSON.stringify(le)}${shown}`,
        span,
      );
      continue;
    }
    const grouped = withLabel(labels, "le", "");
    const key = labelsKey(grouped);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { labels: grouped, rows: [{ row, bound }] });
    else known.rows.push({ row, bound });
  }
  for (const { rows } of groups.values()) rows.sort((left, right) => left.bound - right.bound);
  return [...groups.values()];
}

/** Which rows hold native histograms, and with which group of classic buckets each would be confused. */
function nativeRows(block: Block, groups: readonly ClassicGroup[]): Map<number, number | undefined> {
  const rows = new Map<number, number | undefined>();
  if (block.histograms === undefined) return rows;
  const groupByKey = new Map(groups.map(({ labels }, group) => [labelsKey(labels), group]));
  for (const [row, labels] of block.labels.entries()) {
    const from = row * block.stepCount;
    if (!block.kinds.subarray(from, from + block.stepCount).includes(cellKinds.histogram)) continue;
    rows.set(row, groupByKey.get(labelsKey(labels)));
  }
  return rows;
}

/** Visits every histogram of a vector at every step; where a native and a classic one have the same labels, neither. */
export function forEachHistogram(
  state: QueryState,
  block: Block,
  span: Span,
  visitor: HistogramVisitor,
): void {
  const { stepCount } = block;
  const groups = groupClassic(state, block, span);
  const natives = nativeRows(block, groups);
  const conflicts = new Set<number>();
  const hasBuckets = (group: number, step: number): boolean =>
    groups[group]!.rows.some(({ row }) => block.kinds[row * stepCount + step] === cellKinds.float);
  for (const [row, group] of natives) {
    const labels = block.labels[row]!;
    for (let step = 0; step < stepCount; step += 1) {
      const cell = row * stepCount + step;
      if (block.kinds[cell] !== cellKinds.histogram) continue;
      if (group !== undefined && hasBuckets(group, step)) {
        const shown = state.delayedNameRemoval ? named(labels) : "";
        state.annotations.warn(`vector contains a mix of classic and native histograms${shown}`, span);
        conflicts.add(group * stepCount + step);
        continue;
      }
      visitor.native(labels, row, step, block.histograms!.get(cell)!);
    }
  }
  for (const [group, { labels, rows }] of groups.entries()) {
    state.checkpoint();
    const bounds = new Float64Array(rows.length);
    const counts = new Float64Array(rows.length);
    for (let step = 0; step < stepCount; step += 1) {
      if (conflicts.has(group * stepCount + step)) continue;
      let size = 0;
      for (const { row, bound } of rows) {
        const cell = row * stepCount + step;
        if (block.kinds[cell] !== cellKinds.float) continue;
        bounds[size] = bound;
        counts[size] = block.values[cell]!;
        size += 1;
      }
      if (size === 0) continue;
      visitor.classic(labels, group, step, {
        bounds: bounds.subarray(0, size),
        counts: counts.subarray(0, size),
      });
    }
  }
}
