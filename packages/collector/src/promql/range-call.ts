import { labelValue, metricNameLabel, type Labels } from "../model/index.ts";
import { absentLabels } from "./functions/absent.ts";
import { rangeFunctions } from "./functions/range-functions.ts";
import { addRow, cellKinds, createBlock, setFloat, setHistogram, type Block, type Steps } from "./block.ts";
import { evaluateScalar } from "./value.ts";
import { statsOnly } from "./histogram/stats-only.ts";
import { settleNamesOfSeries } from "./names.ts";
import { referenceMs, type CallPlan, type Plan, type RangePlan, type SubqueryPlan } from "./plan.ts";
import { executionError } from "./execution-error.ts";
import type { QueryState } from "./query-state.ts";
import { toRangeSeries, type RangeSeries } from "./range-series.ts";
import { selectedRange, selectSeries } from "./select.ts";
import { evaluateSubquery } from "./subquery.ts";
import type { Window } from "./window.ts";

type RangeArgument = RangePlan | SubqueryPlan;

const isRange = (plan: Plan): plan is RangeArgument => plan.kind === "range" || plan.kind === "subquery";

/** The argument of a call that is a range; undefined when none is. */
export function rangeArgument({ args }: CallPlan): RangeArgument | undefined {
  return args.find(isRange);
}

const extensionFunctions = {
  anchored: ["changes", "delta", "increase", "rate", "resets"],
  smoothed: ["delta", "increase", "rate"],
} as const;

/** How far a range looks beyond its ends. */
function widening(
  state: QueryState,
  extension: "anchored" | "smoothed" | undefined,
): { before: number; after: number } {
  if (extension === undefined) return { before: 0, after: 0 };
  return { before: state.lookbackMs, after: extension === "smoothed" ? state.lookbackMs : 0 };
}

/** The series of a range over all steps, and what it is. */
export function rangeSeries(state: QueryState, range: RangeArgument, steps: Steps): readonly RangeSeries[] {
  if (range.kind === "subquery") return evaluateSubquery(state, range, steps);
  const { select, rangeMs } = range;
  const { before, after } = widening(state, select.extension);
  const widen = { beforeMs: rangeMs + before - 1, afterMs: after };
  const series = selectSeries(state, select.matchers, selectedRange(select.placement, steps, widen));
  return series.map((samples) => {
    const split = toRangeSeries(select.isStatsOnly ? statsOnly(samples) : samples);
    return state.startTimestamps ? split : withoutStarts(split);
  });
}

const noStarts = new Float64Array(0);
const withoutStarts = (series: RangeSeries): RangeSeries => ({
  ...series,
  floatStartsMs: noStarts,
  histogramStartsMs: noStarts,
});

// Functions that look at when counters began.
const startAware: ReadonlySet<string> = new Set(["rate", "irate", "increase", "resets"]);

/** The newest or oldest sample stands for the series itself, so its name stays. */
const keepsName: ReadonlySet<string> = new Set(["last_over_time", "first_over_time"]);

const counterSuffixes = ["_total", "_sum", "_count", "_bucket"];

function notePossibleNonCounter(state: QueryState, plan: CallPlan, labels: Labels): void {
  const name = labelValue(labels, metricNameLabel);
  if (name === "" || counterSuffixes.some((suffix) => name.endsWith(suffix))) return;
  state.annotations.info(
    `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${JSON.stringify(name)}`,
    plan.args[0]!.span,
  );
}

/** absent_over_time: 1 wherever no series had anything. */
function absentBlock(plan: CallPlan, present: Block): Block {
  const { stepCount } = present;
  const block = createBlock(stepCount, 1);
  const row = addRow(block, absentLabels(plan.args[0]!), true);
  for (let step = 0; step < stepCount; step += 1) {
    let isPresent = false;
    for (let other = 0; other < present.labels.length && !isPresent; other += 1) {
      isPresent = present.kinds[other * stepCount + step] !== cellKinds.none;
    }
    if (!isPresent) setFloat(block, row * stepCount + step, 1);
  }
  return block;
}

/** A function of a range, at every step: one pass over each series, with the ends of its window moving along. */
export function evaluateRangeCall(
  state: QueryState,
  plan: CallPlan,
  range: RangeArgument,
  steps: Steps,
): Block {
  const { name } = plan;
  const compute = rangeFunctions.get(name);
  if (compute === undefined)
    throw executionError(`function ${JSON.stringify(name)} is not supported for ranges`);
  const extension = range.kind === "range" ? range.select.extension : undefined;
  if (extension !== undefined && !extensionFunctions[extension].some((allowed) => allowed === name)) {
    const allowed = extensionFunctions[extension].join(", ");
    throw executionError(`${extension} modifier can only be used with: ${allowed} - not with ${name}`);
  }
  const scalars = plan.args.filter((arg) => arg !== range).map((arg) => evaluateScalar(state, arg, steps));
  const series = rangeSeries(state, range, steps);
  const block = createBlock(steps.count, series.length);
  const { before, after } = widening(state, extension);
  const placement = range.kind === "range" ? range.select.placement : range.placement;
  const window: Window = {
    series: series[0]!,
    floatFrom: 0,
    floatTo: 0,
    histogramFrom: 0,
    histogramTo: 0,
    startMs: 0,
    endMs: 0,
    rangeMs: range.rangeMs,
    evaluationMs: 0,
    parameters: new Float64Array(scalars.length),
    extension,
    annotations: state.annotations,
    span: range.span,
    firstSpan: plan.args[0]!.span,
  };
  const isRate = name === "rate" || name === "increase";
  for (const one of series) {
    state.checkpoint();
    window.series = startAware.has(name) ? one : withoutStarts(one);
    window.floatFrom = window.floatTo = window.histogramFrom = window.histogramTo = 0;
    let base = -1;
    let hasFloats = false;
    for (let step = 0; step < steps.count; step += 1) {
      const evaluationMs = steps.startMs + step * steps.stepMs;
      placeWindow(window, referenceMs(placement, evaluationMs), before, after);
      if (window.floatFrom === window.floatTo && window.histogramFrom === window.histogramTo) continue;
      // One series may keep a query busy for minutes: every step looks at its whole window.
      state.checkpoint(window.floatTo - window.floatFrom + window.histogramTo - window.histogramFrom);
      window.evaluationMs = evaluationMs;
      for (let index = 0; index < scalars.length; index += 1)
        window.parameters[index] = scalars[index]![step]!;
      const result = compute(window);
      if (result === undefined) continue;
      if (base < 0) base = addRow(block, one.labels, one.dropsName || !keepsName.has(name)) * steps.count;
      if (typeof result === "number") {
        setFloat(block, base + step, result);
        hasFloats = true;
      } else setHistogram(block, base + step, result);
    }
    if (isRate && hasFloats) notePossibleNonCounter(state, plan, one.labels);
  }
  if (name === "absent_over_time") return absentBlock(plan, block);
  return settleNamesOfSeries(state, block);
}

/** Moves the window to a new end; times only ever grow, so its ends only move forward. */
function placeWindow(window: Window, endMs: number, beforeMs: number, afterMs: number): void {
  window.startMs = endMs - window.rangeMs;
  window.endMs = endMs;
  const from = window.startMs - beforeMs;
  const to = endMs + afterMs;
  const { floatTimesMs: floats, histogramTimesMs: histograms } = window.series;
  let index = window.floatFrom;
  while (index < floats.length && floats[index]! <= from) index += 1;
  window.floatFrom = index;
  index = Math.max(index, window.floatTo);
  while (index < floats.length && floats[index]! <= to) index += 1;
  window.floatTo = index;
  if (histograms.length === 0) return;
  index = window.histogramFrom;
  while (index < histograms.length && histograms[index]! <= from) index += 1;
  window.histogramFrom = index;
  index = Math.max(index, window.histogramTo);
  while (index < histograms.length && histograms[index]! <= to) index += 1;
  window.histogramTo = index;
}
