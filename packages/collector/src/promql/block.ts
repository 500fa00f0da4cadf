import { labelsKey, type Labels, type NativeHistogram } from "../model/index.ts";
import { executionError } from "./execution-error.ts";

/** A time grid; both ends are on it. `count` is 0 when it holds no point. */
export interface Steps {
  readonly startMs: number;
  readonly stepMs: number;
  readonly count: number;
  /** The query asks for one time only, not for a range that happens to have one point. */
  readonly isInstant: boolean;
}

/** The points from start to end, at most up to `endMs`. */
export function stepsBetween(startMs: number, endMs: number, stepMs: number): Steps {
  const count = endMs < startMs ? 0 : Math.floor((endMs - startMs) / stepMs) + 1;
  return { startMs, stepMs, count, isInstant: startMs === endMs };
}

/** What a cell of a block holds. */
export const cellKinds = { none: 0, float: 1, histogram: 2 } as const;

/**
 * The value of an instant vector at every step of a query, as flat columns: the cell of series r at step s is r · stepCount + s.
 * Series may share labels as long as no step has both (they are one series then, in pieces).
 */
export interface Block {
  readonly stepCount: number;
  readonly labels: Labels[];
  /** Whether the series loses its name at the end (delayed name removal). */
  readonly dropsName: boolean[];
  values: Float64Array;
  kinds: Uint8Array;
  /** By cell; only where the kind says so. */
  histograms: Map<number, NativeHistogram> | undefined;
}

export function createBlock(stepCount: number, rowsExpected: number): Block {
  const size = stepCount * Math.max(rowsExpected, 1);
  return {
    stepCount,
    labels: [],
    dropsName: [],
    values: new Float64Array(size),
    kinds: new Uint8Array(size),
    histograms: undefined,
  };
}

/** Adds an empty series and gives its row. */
export function addRow(block: Block, labels: Labels, dropsName: boolean): number {
  const row = block.labels.length;
  const needed = (row + 1) * block.stepCount;
  if (needed > block.values.length) {
    const values = new Float64Array(needed * 2);
    values.set(block.values);
    block.values = values;
    const kinds = new Uint8Array(needed * 2);
    kinds.set(block.kinds);
    block.kinds = kinds;
  }
  block.labels.push(labels);
  block.dropsName.push(dropsName);
  return row;
}

export function setFloat(block: Block, cell: number, value: number): void {
  block.values[cell] = value;
  block.kinds[cell] = cellKinds.float;
}

export function setHistogram(block: Block, cell: number, histogram: NativeHistogram): void {
  block.histograms ??= new Map();
  block.histograms.set(cell, histogram);
  block.kinds[cell] = cellKinds.histogram;
}

export function clearCell(block: Block, cell: number): void {
  if (block.kinds[cell] === cellKinds.histogram) block.histograms?.delete(cell);
  block.kinds[cell] = cellKinds.none;
}

/** Copies a cell, whatever it holds. */
export function copyCell(from: Block, fromCell: number, to: Block, toCell: number): void {
  const kind = from.kinds[fromCell];
  if (kind === cellKinds.histogram) setHistogram(to, toCell, from.histograms!.get(fromCell)!);
  else if (kind === cellKinds.float) setFloat(to, toCell, from.values[fromCell]!);
}

/** Cells that hold something. */
export function countCells(block: Block): number {
  const end = block.labels.length * block.stepCount;
  let count = 0;
  for (let cell = 0; cell < end; cell += 1) if (block.kinds[cell] !== cellKinds.none) count += 1;
  return count;
}

/** Whether any step of the row holds something. */
function rowHasCells(block: Block, row: number): boolean {
  const end = (row + 1) * block.stepCount;
  for (let cell = row * block.stepCount; cell < end; cell += 1)
    if (block.kinds[cell] !== cellKinds.none) return true;
  return false;
}

/** The rows given, in their order, as a block of their own. */
export function selectRows(block: Block, rows: readonly number[]): Block {
  const { stepCount } = block;
  const selected = createBlock(stepCount, rows.length);
  for (const row of rows) {
    const target = addRow(selected, block.labels[row]!, block.dropsName[row]!) * stepCount;
    for (let step = 0; step < stepCount; step += 1)
      copyCell(block, row * stepCount + step, selected, target + step);
  }
  return selected;
}

/** Leaves out series that have nothing at any step. */
export function withoutEmptyRows(block: Block): Block {
  const rows: number[] = [];
  for (let row = 0; row < block.labels.length; row += 1) if (rowHasCells(block, row)) rows.push(row);
  return rows.length === block.labels.length ? block : selectRows(block, rows);
}

/**
 * Makes one series of those with equal labels.
 * @throws CollectorError QUARTET_PROMQL_EXECUTION when two of them have a value at the same step, or "never" and any at all.
 */
export function mergeEqualRows(block: Block, mayMerge: "at other steps" | "never" = "at other steps"): Block {
  const { stepCount } = block;
  const firstRows = new Map<string, number>();
  const kept: number[] = [];
  for (let row = 0; row < block.labels.length; row += 1) {
    const key = labelsKey(block.labels[row]!);
    const first = firstRows.get(key);
    if (first === undefined) {
      firstRows.set(key, row);
      kept.push(row);
      continue;
    }
    if (mayMerge === "never" && rowHasCells(block, first) && rowHasCells(block, row)) {
      throw executionError("vector cannot contain metrics with the same labelset");
    }
    for (let step = 0; step < stepCount; step += 1) {
      const from = row * stepCount + step;
      const to = first * stepCount + step;
      if (block.kinds[from] === cellKinds.none) continue;
      if (block.kinds[to] !== cellKinds.none) {
        throw executionError("vector cannot contain metrics with the same labelset");
      }
      copyCell(block, from, block, to);
    }
  }
  return kept.length === block.labels.length ? block : selectRows(block, kept);
}
