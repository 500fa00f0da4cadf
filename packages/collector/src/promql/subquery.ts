import { stepsBetween, cellKinds, type Block, type Steps } from "./block.ts";
import { evaluateVector } from "./value.ts";
import { referenceMs, type SubqueryPlan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";
import type { RangeSeries } from "./range-series.ts";
import type { NativeHistogram } from "../model/index.ts";

/**
 * The grid that a subquery is evaluated on: multiples of its own step, after the start of the first range and up to
 * the end of the last one.
 */
function subquerySteps(state: QueryState, plan: SubqueryPlan, steps: Steps): Steps {
  const stepMs = plan.stepMs ?? state.subqueryStepMs;
  const last = Math.max(steps.count - 1, 0);
  const after = referenceMs(plan.placement, steps.startMs) - plan.rangeMs;
  const endMs = referenceMs(plan.placement, steps.startMs + last * steps.stepMs);
  let startMs = stepMs * Math.trunc(after / stepMs);
  if (startMs <= after) startMs += stepMs;
  return stepsBetween(startMs, endMs, stepMs);
}

function toSeries(block: Block, row: number, steps: Steps): RangeSeries {
  const floatTimes: number[] = [];
  const floats: number[] = [];
  const histogramTimes: number[] = [];
  const histograms: NativeHistogram[] = [];
  for (let step = 0; step < steps.count; step += 1) {
    const cell = row * steps.count + step;
    const timeMs = steps.startMs + step * steps.stepMs;
    if (block.kinds[cell] === cellKinds.float) {
      floatTimes.push(timeMs);
      floats.push(block.values[cell]!);
    } else if (block.kinds[cell] === cellKinds.histogram) {
      const histogram = block.histograms!.get(cell)!;
      const { counterResetHint } = histogram;
      // Samples may be missing or repeated here, so what a hint says of neighbours does not hold any more.
      const isHint = counterResetHint === "reset" || counterResetHint === "not_reset";
      histogramTimes.push(timeMs);
      histograms.push(isHint ? { ...histogram, counterResetHint: "unknown" } : histogram);
    }
  }
  const none = new Float64Array(0);
  return {
    labels: block.labels[row]!,
    dropsName: block.dropsName[row]!,
    floatTimesMs: Float64Array.from(floatTimes),
    floats: Float64Array.from(floats),
    floatStartsMs: none,
    histogramTimesMs: Float64Array.from(histogramTimes),
    histograms,
    histogramStartsMs: none,
  };
}

/** The series that a subquery gives for all ranges of a query, each evaluated once. */
export function evaluateSubquery(
  state: QueryState,
  plan: SubqueryPlan,
  outer: Steps,
): readonly RangeSeries[] {
  const steps = subquerySteps(state, plan, outer);
  const block = evaluateVector(state, plan.inner, steps);
  return block.labels.map((_labels, row) => toSeries(block, row, steps));
}
