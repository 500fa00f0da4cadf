import { CollectorError, type Labels, type NativeHistogram, type Queryable } from "../model/index.ts";
import type { Annotations } from "./annotations.ts";
import type { Expression } from "./ast.ts";
import { cellKinds, stepsBetween, type Block, type Steps } from "./block.ts";
import { evaluate } from "./evaluate.ts";
import { compareLabels } from "./label-edit.ts";
import { dropNames } from "./names.ts";
import { buildPlan, type QueryTimes } from "./build-plan.ts";
import type { Plan } from "./plan.ts";
import {
  createQueryState,
  queryLimitsDefault,
  type EngineOptions,
  type QueryLimits,
  type QueryState,
} from "./query-state.ts";
import { rangeSeries } from "./range-call.ts";
import type { Value } from "./value.ts";

/** What both kinds of query take. */
export interface QueryInput extends Partial<EngineOptions> {
  readonly queryable: Queryable;
  readonly expression: Expression;
  /** How old the newest sample of a series may be; 5 minutes unless given. */
  readonly lookbackMs?: number | undefined;
  readonly limits?: Partial<QueryLimits> | undefined;
  /** Looked at again and again: set `aborted` when the client left. An AbortSignal will do. */
  readonly signal?: { readonly aborted: boolean } | undefined;
  /** The clock that the timeout is measured by. */
  readonly nowMs: () => number;
}

export interface InstantQuery extends QueryInput {
  readonly timestampMs: number;
}

export interface RangeQuery extends QueryInput {
  readonly startMs: number;
  /** Included when it lies on the grid. */
  readonly endMs: number;
  /** At least 1. */
  readonly stepMs: number;
}

/** One series at one time: either a float or a native histogram. */
export interface VectorSample {
  readonly labels: Labels;
  readonly timestampMs: number;
  readonly value: number;
  /** Where it is set, `value` means nothing. */
  readonly histogram: NativeHistogram | undefined;
}

/** One series over time, ascending; where `histograms` has an entry, the value at its index means nothing. */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  readonly histograms: readonly (NativeHistogram | undefined)[] | undefined;
}

export type QueryValue =
  | { readonly kind: "scalar"; readonly timestampMs: number; readonly value: number }
  | { readonly kind: "string"; readonly timestampMs: number; readonly value: string }
  /** In the order of evaluation, which only the sorting functions promise. */
  | { readonly kind: "vector"; readonly samples: readonly VectorSample[] }
  /** Ordered by labels. */
  | { readonly kind: "matrix"; readonly series: readonly MatrixSeries[] };

export interface QueryResult<Kind extends QueryValue = QueryValue> {
  readonly value: Kind;
  readonly annotations: Annotations;
}

const lookbackMsDefault = 300_000;

/** What bounds a query that names no bounds. */
export const queryDefaults: QueryLimits & { readonly lookbackMs: number } = {
  ...queryLimitsDefault,
  lookbackMs: lookbackMsDefault,
};
const subqueryStepMsDefault = 60_000;

function openState(input: QueryInput): QueryState {
  return createQueryState(
    input.queryable,
    {
      delayedNameRemoval: input.delayedNameRemoval ?? false,
      startTimestamps: input.startTimestamps ?? false,
      subqueryStepMs: input.subqueryStepMs ?? subqueryStepMsDefault,
      lookbackMs: input.lookbackMs ?? lookbackMsDefault,
      limits: { ...queryLimitsDefault, ...input.limits },
    },
    { signal: input.signal, nowMs: input.nowMs, evaluate },
  );
}

function toVector(block: Block, timestampMs: number): VectorSample[] {
  const samples: VectorSample[] = [];
  for (const [row, labels] of block.labels.entries()) {
    if (block.kinds[row] === cellKinds.none) continue;
    samples.push({ labels, timestampMs, value: block.values[row]!, histogram: block.histograms?.get(row) });
  }
  return samples;
}

/** The times of a grid. */
const gridTimes = (steps: Steps): Float64Array =>
  Float64Array.from({ length: steps.count }, (_value, step) => steps.startMs + step * steps.stepMs);

/** `grid` holds the times of all steps; a series that has every one of them shares it. */
function toSeries(block: Block, row: number, grid: Float64Array): MatrixSeries | undefined {
  const { stepCount, kinds } = block;
  const from = row * stepCount;
  let count = 0;
  let hasHistograms = false;
  for (let step = 0; step < stepCount; step += 1) {
    const kind = kinds[from + step];
    if (kind !== cellKinds.none) count += 1;
    if (kind === cellKinds.histogram) hasHistograms = true;
  }
  if (count === 0) return undefined;
  const labels = block.labels[row]!;
  if (count === stepCount && !hasHistograms) {
    const values = block.values.slice(from, from + stepCount);
    return { labels, timestampsMs: grid, values, histograms: undefined };
  }
  const timestampsMs = new Float64Array(count);
  const values = new Float64Array(count);
  const histograms: (NativeHistogram | undefined)[] = [];
  let place = 0;
  for (let step = 0; step < stepCount; step += 1) {
    const cell = from + step;
    if (kinds[cell] === cellKinds.none) continue;
    timestampsMs[place] = grid[step]!;
    values[place] = block.values[cell]!;
    if (hasHistograms)
      histograms.push(kinds[cell] === cellKinds.histogram ? block.histograms!.get(cell) : undefined);
    place += 1;
  }
  return { labels, timestampsMs, values, histograms: hasHistograms ? histograms : undefined };
}

const byLabels = (left: MatrixSeries, right: MatrixSeries): number =>
  compareLabels(left.labels, right.labels);

function toMatrix(value: Value, steps: Steps): MatrixSeries[] {
  const grid = gridTimes(steps);
  if (value.kind === "scalar") {
    return [{ labels: [], timestampsMs: grid, values: value.values, histograms: undefined }];
  }
  if (value.kind === "string") throw new Error("a range query has no string");
  const block = dropNames(value.block);
  const series: MatrixSeries[] = [];
  for (let row = 0; row < block.labels.length; row += 1) {
    const one = toSeries(block, row, grid);
    if (one !== undefined) series.push(one);
  }
  return series.sort(byLabels);
}

/** A range as the result of an instant query: the samples themselves. */
function evaluateRangeValue(state: QueryState, plan: Plan, steps: Steps): MatrixSeries[] {
  if (plan.kind !== "range" && plan.kind !== "subquery") throw new Error("a range was expected");
  const series: MatrixSeries[] = [];
  for (const one of rangeSeries(state, plan, steps)) {
    const points = [
      ...Array.from(one.floats, (value, index) => ({
        timeMs: one.floatTimesMs[index]!,
        value,
        histogram: undefined,
      })),
      ...one.histograms.map((histogram, index) => ({
        timeMs: one.histogramTimesMs[index]!,
        value: 0,
        histogram,
      })),
    ].sort((left, right) => left.timeMs - right.timeMs);
    if (points.length === 0) continue;
    series.push({
      labels: one.labels,
      timestampsMs: Float64Array.from(points, ({ timeMs }) => timeMs),
      values: Float64Array.from(points, ({ value }) => value),
      histograms: one.histograms.length > 0 ? points.map(({ histogram }) => histogram) : undefined,
    });
  }
  return series.sort(byLabels);
}

/**
 * The value of an expression at one time.
 * @throws CollectorError QUARTET_PROMQL_EXECUTION in Prometheus' words, QUARTET_PROMQL_LIMIT, QUARTET_PROMQL_CANCELLED.
 */
export function evaluateInstant(query: InstantQuery): QueryResult {
  const { expression, timestampMs } = query;
  const state = openState(query);
  const times: QueryTimes = { startMs: timestampMs, endMs: timestampMs, stepMs: 0 };
  const steps: Steps = { startMs: timestampMs, stepMs: 1, count: 1, isInstant: true };
  const plan = buildPlan(expression.root, times);
  const value = evaluateInstantValue(state, expression, plan, steps);
  return { value, annotations: state.annotations.result(expression.text) };
}

function evaluateInstantValue(state: QueryState, { type }: Expression, plan: Plan, steps: Steps): QueryValue {
  const timestampMs = steps.startMs;
  if (type === "range vector") return { kind: "matrix", series: evaluateRangeValue(state, plan, steps) };
  const value = evaluate(state, plan, steps);
  if (value.kind === "scalar") return { kind: "scalar", timestampMs, value: value.values[0]! };
  if (value.kind === "string") return { kind: "string", timestampMs, value: value.value };
  return { kind: "vector", samples: toVector(dropNames(value.block), timestampMs) };
}

/**
 * The values of an expression at every step from start to end, in one pass over its series.
 * @throws CollectorError as evaluateInstant does; QUARTET_PROMQL_INVALID for an expression that is no number or instant vector.
 */
export function evaluateRange(query: RangeQuery): QueryResult<Extract<QueryValue, { kind: "matrix" }>> {
  const { expression, startMs, endMs, stepMs } = query;
  if (expression.type !== "scalar" && expression.type !== "instant vector") {
    throw new CollectorError(
      "QUARTET_PROMQL_INVALID",
      `invalid expression type "${expression.type}" for range query, must be Scalar or instant Vector`,
    );
  }
  if (!(stepMs >= 1)) {
    throw new CollectorError(
      "QUARTET_PROMQL_INVALID",
      "zero or negative query resolution step widths are not accepted. Try a positive integer",
    );
  }
  const state = openState(query);
  const steps = stepsBetween(startMs, endMs, stepMs);
  if (steps.count > state.limits.stepsMax) {
    throw new CollectorError(
      "QUARTET_PROMQL_LIMIT",
      `exceeded maximum resolution of ${state.limits.stepsMax} points per timeseries. Try decreasing the query resolution (?step=XX)`,
    );
  }
  const plan = buildPlan(expression.root, { startMs, endMs, stepMs });
  const series = steps.count === 0 ? [] : toMatrix(evaluate(state, plan, steps), steps);
  return { value: { kind: "matrix", series }, annotations: state.annotations.result(expression.text) };
}
